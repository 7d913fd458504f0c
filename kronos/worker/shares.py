"""How much of a worker each workspace may have: none can take all of it, however long its receivers hold requests."""

from collections.abc import Iterable, Sequence

# Of a workspace that is not known yet: it counts as the one with most under way.
UNKNOWN = ""
_RESERVE = 10  # one slot more for each ten


class Shares:
    """The slots of one worker: `concurrency` for one workspace alone, and a tenth more beside it; and where even these
    are taken, one for each workspace that has none, for up to `concurrency` of them (`guests`).

    No workspace is given more than ten times what stays free (dynamic thresholds, as in switches that share their
    memory). So one alone has `concurrency` and leaves a tenth, the next nine tenths of that, and so on; those that
    come together are filled up to the same level. A workspace with nothing under way may have the last slot, or is a
    guest: so workspaces that hang one after another do not keep the next one waiting. `free` is negative where guests
    are there.
    """

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency
        self.reserve = -(-concurrency // _RESERVE)
        self.slots = concurrency + self.reserve
        self.guests = concurrency
        self.under_way = 0
        self._of: dict[str, int] = {}

    def of(self, workspace_id: str) -> int:
        """How many deliveries of it are under way."""
        if workspace_id == UNKNOWN:
            return max(self._of.values(), default=0)
        return self._of.get(workspace_id, 0)

    def began(self, workspaces: Iterable[str]) -> None:
        """A delivery of each of these; one that is named again has begun another."""
        for workspace_id in workspaces:
            self._of[workspace_id] = self._of.get(workspace_id, 0) + 1
            self.under_way += 1

    def ended(self, workspace_id: str) -> None:
        """A delivery of it."""
        self.under_way -= 1
        left = self._of[workspace_id] - 1
        if left:
            self._of[workspace_id] = left
        else:
            del self._of[workspace_id]

    def has_room(self, workspace_id: str, free: int) -> bool:
        """Whether it may have one of `free` slots."""
        return self._alone(self.of(workspace_id), free) > 0

    def _alone(self, held: int, free: int) -> int:
        """How many more one has that is alone in turn."""
        level = (free + held) * self.concurrency // self.slots
        return level - held if level > held else int(held == 0 < free + self.guests)

    def room_for(self, more: int) -> int:
        """Of how many free slots a workspace that has all that is under way would be given so many more."""
        return -(-(more + self.under_way) * self.slots // self.concurrency) - self.under_way

    def share_out(self, workspaces: Sequence[str], free: int) -> list[int]:
        """How many of `free` slots each of these may have, in its turn. None is left out that has nothing under way, as
        long as there are slots, or places for guests."""
        held = [self.of(workspace_id) for workspace_id in workspaces]
        if len(held) == 1:  # mostly
            return [self._alone(held[0], free)]
        filled, level, given = self._level(held, free)
        quotas = [0] * len(held)
        for place in filled:
            quotas[place] = max(0, level - held[place])
        odd = given - sum(quotas)
        for place in sorted(filled)[: max(0, odd)]:
            quotas[place] += 1
        left = free + self.guests - sum(quotas)
        for place in [place for place, quota in enumerate(quotas) if quota == held[place] == 0][:left]:
            quotas[place] = 1
        return quotas

    def _level(self, held: Sequence[int], free: int) -> tuple[list[int], int, int]:
        """Who is filled up, who has least first; to which level, rounded down; and with how many slots in all.

        The level is as many times what then stays free as `concurrency` is the reserve.
        """
        if free <= 0:
            return [], 0, 0
        order = sorted(range(len(held)), key=held.__getitem__)
        total = 0
        for count, place in enumerate(order, 1):
            total += held[place]
            parts = count * self.concurrency + self.reserve
            level = (free + total) * self.concurrency
            if count == len(order) or level <= held[order[count]] * parts:
                given = (free * count * self.concurrency - total * self.reserve) // parts
                return order[:count], level // parts, given
        return [], 0, 0

"""Divide a worker's slots among workspaces, so that none can take all of them, however slow its receivers are."""

from collections.abc import Iterable, Sequence

# A workspace not known yet. It is treated like the one with the most deliveries under way.
UNKNOWN = ""
_RESERVE = 10  # one extra slot for each ten


class Shares:
    """The slots of one worker: `concurrency`, plus a tenth in reserve. If all are taken, each workspace that has none
    gets one more, for up to `concurrency` workspaces (`guests`).

    No workspace receives more than ten times what stays free (dynamic thresholds, as in switches with shared memory).
    So a single workspace gets `concurrency` slots and leaves a tenth; the next gets nine tenths of that, and so on.
    Workspaces that come together are filled up to the same level. A workspace with nothing under way may have the last
    slot, or is a guest, so that workspaces whose receivers hang do not keep the next one waiting. `free` is negative
    while there are guests.
    """

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency
        self.reserve = -(-concurrency // _RESERVE)
        self.slots = concurrency + self.reserve
        self.guests = concurrency
        self.under_way = 0
        self._of: dict[str, int] = {}

    def of(self, workspace_id: str) -> int:
        """Return how many deliveries of a workspace are under way."""
        if workspace_id == UNKNOWN:
            return max(self._of.values(), default=0)
        return self._of.get(workspace_id, 0)

    def began(self, workspaces: Iterable[str]) -> None:
        """Count one new delivery for each workspace listed; it may be listed several times."""
        for workspace_id in workspaces:
            self._of[workspace_id] = self._of.get(workspace_id, 0) + 1
            self.under_way += 1

    def ended(self, workspace_id: str) -> None:
        """Count the end of one delivery of a workspace."""
        self.under_way -= 1
        left = self._of[workspace_id] - 1
        if left:
            self._of[workspace_id] = left
        else:
            del self._of[workspace_id]

    def has_room(self, workspace_id: str, free: int) -> bool:
        """Whether a workspace may have one of `free` slots."""
        return self._alone(self.of(workspace_id), free) > 0

    def _alone(self, held: int, free: int) -> int:
        """Return how many more slots a workspace gets that is alone in turn."""
        level = (free + held) * self.concurrency // self.slots
        return level - held if level > held else int(held == 0 < free + self.guests)

    def room_for(self, more: int) -> int:
        """Return how many slots must be free for a workspace that has all deliveries under way to get `more`."""
        return -(-(more + self.under_way) * self.slots // self.concurrency) - self.under_way

    def share_out(self, workspaces: Sequence[str], free: int) -> list[int]:
        """Return how many of `free` slots each of these workspaces gets, in turn.

        Every workspace with nothing under way gets one, as long as there are slots or places for guests."""
        held = [self.of(workspace_id) for workspace_id in workspaces]
        if len(held) == 1:  # the usual case
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
        """Return the workspaces to fill up, those with the fewest first; the level, rounded down; and the slots needed.

        The level relates to the slots that stay free as `concurrency` relates to the reserve.
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

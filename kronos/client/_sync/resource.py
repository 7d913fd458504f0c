"""Base class of the API's resources."""

from kronos.client._sync.transport import Transport


class Resource:
    """The calls of one part of the API, below a path."""

    def __init__(self, transport: Transport, base: tuple[str, ...]) -> None:
        self._transport = transport
        self._base = base

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of /{'/'.join(self._base)}>"

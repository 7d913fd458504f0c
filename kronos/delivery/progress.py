"""The progress of a delivery to a broker, which determines what is known if it ends early."""


class Progress:
    """The progress of one delivery. `is_sent` is set before the first byte of the message leaves this process."""

    __slots__ = ("is_connected", "is_sent")

    def __init__(self) -> None:
        self.is_connected = False
        self.is_sent = False

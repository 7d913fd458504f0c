"""How far a delivery to a broker has come, which says what is known of one that ends early."""


class Progress:
    """How far one delivery has come. `is_sent` is set before the first byte of the message leaves this process."""

    __slots__ = ("is_connected", "is_sent")

    def __init__(self) -> None:
        self.is_connected = False
        self.is_sent = False

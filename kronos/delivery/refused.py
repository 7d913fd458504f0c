"""What a delivery may not be made of: one error class for URLs, headers and templates, with a hint for its author."""


class Refused(ValueError):
    """A URL, header or template that deliveries do not use; trying again cannot help.

    `code` is from a closed set, `message` and `hint` are for people and hold no secret and no resolved address,
    `pointer` is a JSON pointer below the value that was judged ("" is the value itself).
    """

    def __init__(self, code: str, message: str, *, hint: str = "", pointer: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.pointer = pointer


def pointer_to(*parts: str | int) -> str:
    """The JSON pointer (RFC 6901) of a member below the judged value."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)

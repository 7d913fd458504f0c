"""The error for invalid URLs, headers and templates, with a hint for their author."""


class Refused(ValueError):
    """An invalid URL, header or template; retrying cannot help.

    `code` is from a closed set. `message` and `hint` are for people, and contain no secret and no resolved address.
    `pointer` is a JSON pointer relative to the checked value ("" is the value itself).
    """

    def __init__(self, code: str, message: str, *, hint: str = "", pointer: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.pointer = pointer


def pointer_to(*parts: str | int) -> str:
    """Return the JSON pointer (RFC 6901) of a member of the checked value."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)

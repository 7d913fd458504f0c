"""Numbers with their nouns, as `kronos.counting` writes them in the server, which is another distribution."""


def counted(number: int, one: str) -> str:
    """Return a number with its noun: 1 attempt, 2 attempts."""
    return f"{number} {one}{'' if number == 1 else 's'}"

"""Numbers with their nouns, for every text that a person reads."""


def plural(number: int | float | None, one: str, many: str | None = None) -> str:
    """Return the noun for a number: 1 job, 2 jobs, 0 jobs; 2 deliveries with `many`."""
    return one if number == 1 else many or f"{one}s"


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: 1 job, 2,000 jobs."""
    return f"{number:,} {plural(number, one, many)}"

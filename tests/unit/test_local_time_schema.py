"""The document's pattern of a local time, which clients check their queries against."""

import re
from calendar import monthrange
from datetime import datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from kronos.api.fields import JobTime


def test_it_allows_just_the_dates_that_exist() -> None:
    kind = TypeAdapter[datetime](JobTime)
    pattern = re.compile(kind.json_schema()["anyOf"][1]["pattern"])
    days = [(year, month, day) for year in (2027, 2028) for month in range(14) for day in range(33)]
    days += [(year, 2, 29) for year in range(1969, 3001)]
    for year, month, day in days:
        text = f"{year:04}-{month:02}-{day:02}T09:00"
        exists = 1970 <= year < 3000 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]
        assert (pattern.search(text) is not None) is exists, text
        if exists:
            assert kind.validate_python(text).tzinfo is None
        else:
            with pytest.raises(ValidationError):
                kind.validate_python(text)

"""Lists that are read page by page."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from kronos.client._core.calls import Call
from kronos.client._sync.transport import Transport
from kronos.client.errors import AnswerInvalid
from kronos.client.models.page import Page

T = TypeVar("T")


class Listing(Generic[T]):
    """A list of the API. Iterating over it fetches pages as they are needed, one at a time.

    Each iteration starts from the beginning. Objects created or removed meanwhile may be missed; none is listed twice.
    """

    def __init__(self, transport: Transport, call: Call, kind: type[T]) -> None:
        self._transport = transport
        self._call = call
        self._kind = kind

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._call.path}>"

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            for each in page.data:
                yield each

    def pages(self) -> Iterator[Page[T]]:
        """Iterate over the pages. Each has the cursor of the next."""
        cursor: str | None = None
        while True:
            page = self._fetched(cursor)
            yield page
            if page.next_cursor is None:
                return
            if page.next_cursor == cursor:
                raise AnswerInvalid(f"{self._call.name}: the next page is the same page again", status=200)
            cursor = page.next_cursor

    def page(self) -> Page[T]:
        """Return the first page, or the one whose cursor was given."""
        return self._fetched(None)

    def first(self) -> T | None:
        """Return the first item, or None if the list is empty."""
        for each in self:
            return each
        return None

    def _fetched(self, cursor: str | None) -> Page[T]:
        call = self._call if cursor is None else self._call.with_query({"cursor": cursor})
        # this type is built at run time, where no type checker sees it
        return self._transport.call(call, Page[self._kind])  # type: ignore[name-defined]

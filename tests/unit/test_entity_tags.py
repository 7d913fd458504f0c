"""If-Match and If-None-Match: which versions a caller names, and that a condition that cannot be read is rejected
rather than ignored.
"""

import pytest

from kronos import errors
from kronos.api.conditions import etag, held_to, if_match, if_none_match, is_known


def test_a_version_is_a_strong_tag_and_one_whose_document_still_changes_is_marked() -> None:
    assert (etag(3), etag(12, is_moving=True)) == ('"3"', '"12+"')


@pytest.mark.parametrize(
    ("fields", "versions"),
    [
        (['"3"'], {3}),
        (['"3", "4"'], {3, 4}),
        (['"3"', '"4"'], {3, 4}),
        ([' "3" ,\t"4" , '], {3, 4}),
        ([',,"3",,'], {3}),
        (['"1"', 'W/"2", "3"'], {1, 3}),
        (['"12+"'], {12}),
        (['"3+", "3"'], {3}),
        (['W/"3"'], set()),
        (['W/"3", "4"'], {4}),
        (['"a,b", "5"'], {5}),
        (['"a"'], set()),
        (['""'], set()),
        (['"0"', '"03"', '"-3"', '"1.0"', '"0x3"'], set()),
        (['"999999999"'], {999_999_999}),
        (['"1000000000"'], set()),
        (['"\xb3"', '"\x80"', '"!"'], set()),
        (['"٣"'.encode().decode("latin-1")], set()),
    ],
)
def test_if_match_names_the_versions_that_may_be_changed(fields: list[str], versions: set[int]) -> None:
    """A weak tag and one that is not ours match nothing."""
    assert if_match(fields) == frozenset(versions)


@pytest.mark.parametrize(
    ("fields", "versions"),
    [
        (['"3"'], {3}),
        (['W/"3"'], {3}),
        (['W/"3", "4"', '"5"'], {3, 4, 5}),
        (['"3+"'], set()),
        (['W/"3+"'], set()),
        (['"x"'], set()),
    ],
)
def test_if_none_match_names_the_versions_that_the_caller_has(fields: list[str], versions: set[int]) -> None:
    """A document that still changes is never the one that the caller has."""
    assert if_none_match(fields) == frozenset(versions)


@pytest.mark.parametrize("fields", [["*"], [" * "], ["*", ""], [",*,"]])
def test_a_star_is_any_version(fields: list[str]) -> None:
    assert (if_match(fields), if_none_match(fields)) == (None, None)


@pytest.mark.parametrize(
    "fields",
    [
        ["3"], ['"3'], ['3"'], ['"3" "4"'], ['w/"3"'], ["W/3"], ['W/ "3"'], ["abc"], ["'3'"], ['*, "3"'], ['"3", *'],
        ["**"], ['"a b"'], ['"a\x7f"'], ['"3";'], ['"3"\n'], ['"a"b"'], ['"""'], ["W/"],
    ],
)  # fmt: skip
@pytest.mark.parametrize(("read", "header"), [(if_match, "If-Match"), (if_none_match, "If-None-Match")])
def test_a_condition_that_cannot_be_read_is_rejected(read: object, header: str, fields: list[str]) -> None:
    """Ignoring it would let a write through that its sender wanted guarded."""
    assert callable(read)
    with pytest.raises(errors.InvalidRequest) as caught:
        read(fields)
    (fault,) = caught.value.faults
    assert fault.pointer == f"/{header}"
    assert fault.detail == f"the header {header} is not a list of entity tags: {','.join(fields)!r}"
    assert fault.hint == 'Send the ETag unchanged, with its quotes, such as "3"; several separated by commas; or *.'


@pytest.mark.parametrize("fields", [[""], [" "], [","], [" , ,"], ["", ""]])
def test_a_condition_without_a_tag_is_rejected(fields: list[str]) -> None:
    with pytest.raises(errors.InvalidRequest, match="the header If-Match is empty"):
        if_match(fields)


def test_what_is_no_list_is_shown_in_part() -> None:
    with pytest.raises(errors.InvalidRequest, match=f"entity tags: '{'x' * 80}'$"):
        if_match(["x" * 500])


def test_a_version_is_known_if_it_is_named_or_any_is() -> None:
    assert [is_known(3, known) for known in (None, frozenset({3}), frozenset({4}), frozenset[int]())] == [
        True, True, False, False,
    ]  # fmt: skip


def test_a_change_is_held_to_the_version_that_it_was_compared_with() -> None:
    assert held_to(3, None) == held_to(3, frozenset({3, 4})) == frozenset({3})
    for named in (frozenset({4}), frozenset[int]()):
        with pytest.raises(
            errors.PreconditionFailed, match=r"^the current version is 3, which If-Match does not name$"
        ):
            held_to(3, named)

"""Strict checks of the query string before FastAPI reads it: anything that readers could interpret differently or
ignore is rejected."""

from urllib.parse import parse_qsl, unquote_to_bytes

from pydantic import BaseModel

from kronos import errors
from kronos.api.validation import MAX_FAULTS, unknown

_MAX_PARAMETERS = 32


def check(raw: bytes, model: type[BaseModel] | None) -> None:
    """Require that each parameter is UTF-8 without NUL and given once; without a model, that there are none. Raises
    InvalidRequest."""
    if not raw:
        return
    try:
        pairs = parse_qsl(
            raw.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_PARAMETERS, errors="strict"
        )
    except UnicodeDecodeError:
        name = _first_not_utf8(raw)
        raise errors.InvalidRequest.of(
            f"the query parameter {name[:80]!r} is not UTF-8",
            "Encode the text as UTF-8, and each of its bytes as %XX.",
            f"/{name}",
        ) from None
    except ValueError:
        raise errors.InvalidRequest.of(
            f"the query string has more than {_MAX_PARAMETERS} parameters",
            "Remove parameters that are not in /openapi.json.",
        ) from None
    for name, value in pairs:
        if "\0" in name or "\0" in value:
            raise errors.InvalidRequest.of(
                "the query string contains NUL", "Remove %00.", f"/{name}".replace("\0", "\ufffd")
            )
    if len(dict(pairs)) < len(pairs):
        twice = next(name for at, (name, _) in enumerate(pairs) if name in dict(pairs[:at]))
        raise errors.InvalidRequest.of(
            f"the query parameter {twice[:80]!r} is given twice", "Give it once.", f"/{twice}"
        )
    if pairs and model is None:
        raise refused(tuple(unknown((name,), None, what="parameter") for name, _ in pairs[:MAX_FAULTS]))


def refused(faults: tuple[errors.Fault, ...]) -> errors.InvalidRequest:
    """Return the error for faults of parameters."""
    return errors.InvalidRequest(errors.summary("query parameter", faults), faults=faults)


def _first_not_utf8(query: bytes) -> str:
    for pair in query.split(b"&"):
        try:
            unquote_to_bytes(pair).decode("utf-8")
        except UnicodeDecodeError:
            return unquote_to_bytes(pair.partition(b"=")[0]).decode("utf-8", "replace")
    return ""

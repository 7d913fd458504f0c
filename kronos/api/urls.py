"""A key in a URL is refused: proxies, browsers and monitors write URLs down, so it is no secret any more."""

from starlette.types import ASGIApp, Receive, Scope, Send

from kronos import errors
from kronos.api.keys import Keys
from kronos.redaction import key_in_url, redacted


class Urls:
    """Has no request served whose path or query string holds an API key."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and (key := key_in_url(_url(scope))) is not None:
            keys: Keys = scope["app"].state.context.keys
            await keys.note_burnt(key, scope)
            # The same for a key that there is and one that there is not: nobody finds out here which it was.
            raise errors.KeyInUrl(
                f"the URL holds an API key, {redacted(key)}, and whatever has seen the URL has the key: it is burnt, "
                "and nothing was done",
                faults=(
                    errors.Fault(
                        pointer="",
                        detail="a key in a URL is written down by proxies, browsers and monitors",
                        hint="Replace it (`kronos key rotate`, `kronos key revoke`), and send keys in the header "
                        "Authorization: Bearer … alone.",
                    ),
                ),
            )
        await self._app(scope, receive, send)


def _url(scope: Scope) -> bytes:
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return b"%s?%s" % (path, query) if query else path

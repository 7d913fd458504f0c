"""Reads URLs before they are routed.

Keys in URLs are rejected: proxies, browsers and monitors log URLs, so such a key is no longer secret. An encoded slash
stays part of its segment: decoded, it would lead to the path of another resource than the one that was named.
"""

from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

from kronos import errors
from kronos.api.keys import Keys
from kronos.redaction import key_in_url, redacted


class Urls:
    """Serves no request whose path or query string contains an API key, and takes no %2F for the end of a name."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and (key := key_in_url(_url(scope))) is not None:
            keys: Keys = scope["app"].state.context.keys
            await keys.note_burnt(key, scope)
            # The same response for existing and unknown keys, so that it reveals nothing.
            raise errors.KeyInUrl(
                f"the URL contains the API key {redacted(key)}. Anything that has seen the URL has the key, so it is "
                "burnt. Nothing was done",
                faults=(
                    errors.Fault(
                        pointer="",
                        detail="proxies, browsers and monitors log URLs, including keys in them",
                        hint="Replace it (`kronos key rotate`, `kronos key revoke`), and send keys only in the header "
                        "Authorization: Bearer ….",
                    ),
                ),
            )
        if scope["type"] == "http" and b"%2" in (sent := scope.get("raw_path") or b""):
            parts = sent.partition(b"?")[0].decode("ascii").split("/")
            scope["path"] = "/".join(unquote(part).replace("/", "%2F") for part in parts)
        await self._app(scope, receive, send)


def _url(scope: Scope) -> bytes:
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return b"%s?%s" % (path, query) if query else path

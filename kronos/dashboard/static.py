"""Scripts and styles: ours from static/, third-party ones as installed by npm (package-lock.json has their integrity).

All are served under a digest of their content, so browsers can cache them forever. Pages load nothing from other
hosts."""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kronos import errors
from kronos.records import dataclass

_HERE = Path(__file__).parent
_FILES: Mapping[str, Path] = MappingProxyType(
    {
        "kronos.css": _HERE / "static/kronos.css",
        "kronos.js": _HERE / "static/kronos.js",
        "forms.js": _HERE / "static/forms.js",
        "theme.js": _HERE / "static/theme.js",
        "icon.svg": _HERE / "static/icon.svg",
        "htmx.js": _HERE / "node_modules/htmx.org/dist/htmx.min.js",
        "idiomorph.js": _HERE / "node_modules/idiomorph/dist/idiomorph-ext.min.js",
    }
)
_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FOR_GOOD = {"Cache-Control": "public, max-age=31536000, immutable"}


class NotInstalled(Exception):
    """A file installed by npm is missing; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticFile:
    """One file: its content, and the digest used for its address and its integrity attribute."""

    name: str
    content: bytes
    sha384: bytes

    @property
    def path(self) -> str:
        """The file's address below the prefix."""
        return f"/static/{self.sha384.hex()[:16]}/{self.name}"

    @property
    def integrity(self) -> str:
        """The value for <script integrity>."""
        return f"sha384-{base64.b64encode(self.sha384).decode()}"


@cache
def file(name: str) -> StaticFile:
    """Return a file by name. Raises NotInstalled, KeyError."""
    try:
        content = _FILES[name].read_bytes()
    except FileNotFoundError:
        raise NotInstalled(
            f"the dashboard lacks {_FILES[name]}, which npm installs and `pip install .` does not: run bin/install in "
            "the checkout, then install from it again, or rebuild its wheel (docs/install.md)"
        ) from None
    return StaticFile(name=name, content=content, sha384=hashlib.sha384(content).digest())


def require_all() -> None:
    """Check that every file exists. Raises NotInstalled."""
    for name in _FILES:
        file(name)


async def _get(request: Request) -> Response:
    """Serve a file. Under another digest, as in a page of an earlier release, serve the current file uncached."""
    name, digest = request.path_params["name"], request.path_params["digest"]
    if name not in _FILES:
        raise errors.NotFound(f"no file {name[:80]!r}")
    found = file(name)
    kept = _FOR_GOOD if found.path == f"/static/{digest}/{name}" else {}
    return Response(found.content, media_type=_MEDIA_TYPES[Path(name).suffix], headers=kept)


routes = [Route("/static/{digest}/{name}", _get, methods=["GET"], include_in_schema=False)]

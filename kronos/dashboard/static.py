"""Scripts and styles: ours from static/, others' as npm brought them (package-lock.json has their integrity). All are
served from here under the digest of what they are, so a browser keeps each for good; no page asks another host."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kronos import errors

_HERE = Path(__file__).parent
_FILES: Mapping[str, Path] = MappingProxyType(
    {
        "kronos.css": _HERE / "static/kronos.css",
        "kronos.js": _HERE / "static/kronos.js",
        "theme.js": _HERE / "static/theme.js",
        "icon.svg": _HERE / "static/icon.svg",
        "htmx.js": _HERE / "node_modules/htmx.org/dist/htmx.min.js",
        "idiomorph.js": _HERE / "node_modules/idiomorph/dist/idiomorph-ext.min.js",
    }
)
_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FOR_GOOD = {"Cache-Control": "public, max-age=31536000, immutable"}


class NotInstalled(Exception):
    """A file that npm brings is missing; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticFile:
    """One file: what it is, and the digest that its address and its integrity are made of."""

    name: str
    content: bytes
    sha384: bytes

    @property
    def path(self) -> str:
        """Its address below the prefix."""
        return f"/static/{self.sha384.hex()[:16]}/{self.name}"

    @property
    def integrity(self) -> str:
        """As <script integrity> has it."""
        return f"sha384-{base64.b64encode(self.sha384).decode()}"


@cache
def file(name: str) -> StaticFile:
    """A file by its name. Raises NotInstalled, KeyError."""
    try:
        content = _FILES[name].read_bytes()
    except FileNotFoundError:
        raise NotInstalled(
            f"the dashboard lacks {_FILES[name]}, which npm brings and `pip install .` does not: run bin/install in "
            "the checkout, then install from it again, or build its wheel again (docs/install.md)"
        ) from None
    return StaticFile(name=name, content=content, sha384=hashlib.sha384(content).digest())


def require_all() -> None:
    """That each file is there. Raises NotInstalled."""
    for name in _FILES:
        file(name)


async def _get(request: Request) -> Response:
    """A file. Under another digest, as a page of the release before has it, it is as it is now, and not kept."""
    name, digest = request.path_params["name"], request.path_params["digest"]
    if name not in _FILES:
        raise errors.NotFound(f"no file {name[:80]!r}")
    found = file(name)
    kept = _FOR_GOOD if found.path == f"/static/{digest}/{name}" else {}
    return Response(found.content, media_type=_MEDIA_TYPES[Path(name).suffix], headers=kept)


routes = [Route("/static/{digest}/{name}", _get, methods=["GET"], include_in_schema=False)]

"""/openapi.json, and /docs: the same for people, by Swagger UI.

Its scripts and styles are the package fastapi-swagger's, pinned like everything we install, and served from here: the
page needs no other host, and its Content-Security-Policy lets it ask none. Everything it names is relative, so it works
behind a proxy's prefix.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.resources import files

import orjson
from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import Response

from kronos.api.apply_schemas import file_schema

router = APIRouter(include_in_schema=False)
_DISTRIBUTION = files("fastapi_swagger") / "resources"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FOR_ALL = {"Cache-Control": "no-cache"}
_KEPT = {"Cache-Control": "public, max-age=3600"}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Kronos API</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<noscript>This page needs JavaScript. The document itself: <a href="openapi.json">openapi.json</a></noscript>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
# Without validatorUrl Swagger UI would have a server of its makers judge the document.
_START = """SwaggerUIBundle({ url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null });
"""


_MAKER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="openapi")


@router.get("/openapi.json")
async def get_document(request: Request) -> Response:
    """The document: made at the first request, with a second of CPU beside the event loop, and written once, as
    strangers may ask for it. A request whose time is over before leaves it to the next one."""
    kept = request.app.state
    if not hasattr(kept, "document"):
        kept.document = asyncio.get_running_loop().run_in_executor(_MAKER, _written, request.app)
    return Response(await asyncio.shield(kept.document), media_type="application/json", headers=_FOR_ALL)


@router.get("/v1/schemas/workspace-file.json")
async def get_file_schema() -> Response:
    """The JSON Schema of the files that apply reads, for editors: they hold no key."""
    return Response(_file_schema(), media_type="application/schema+json", headers=_KEPT)


@router.get("/docs")
async def get_docs() -> Response:
    """The page."""
    return Response(_PAGE, media_type="text/html", headers={"Content-Security-Policy": _POLICY} | _FOR_ALL)


@router.get("/docs/start.js")
async def get_start() -> Response:
    """What starts Swagger UI: a file, for the page may hold no script."""
    return Response(_START, media_type="text/javascript", headers=_KEPT)


@router.get("/docs/swagger-ui-bundle.js")
async def get_bundle() -> Response:
    """Swagger UI."""
    return Response(_content("swagger-ui-bundle.js"), media_type="text/javascript", headers=_KEPT)


@router.get("/docs/swagger-ui.css")
async def get_styles() -> Response:
    """Its styles."""
    return Response(_content("swagger-ui.css"), media_type="text/css", headers=_KEPT)


@router.get("/docs/favicon-32x32.png")
async def get_icon() -> Response:
    """Its icon."""
    return Response(_content("favicon-32x32.png"), media_type="image/png", headers=_KEPT)


def _written(app: FastAPI) -> bytes:
    return orjson.dumps(app.openapi())


@cache
def _file_schema() -> bytes:
    return orjson.dumps(file_schema())


@cache
def _content(name: str) -> bytes:
    """A file of Swagger UI, whole: FileResponse would read it piece by piece in threads, and refuse a Range in words of
    its own."""
    return (_DISTRIBUTION / name).read_bytes()

"""/openapi.json, and /docs: the same document as a Swagger UI page.

Swagger UI's scripts and styles come from the package fastapi-swagger, pinned like all our dependencies, and are served
from here. The page needs no other host, and its Content-Security-Policy allows none. All its links are relative, so it
works behind a proxy's path prefix.
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
# Without validatorUrl: null, Swagger UI would send the document to its makers' server for validation.
_START = """SwaggerUIBundle({ url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null });
"""


_MAKER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="openapi")


@router.get("/openapi.json")
async def get_document(request: Request) -> Response:
    """Return the document. The first request builds it, which takes a second of CPU in a thread, and it is kept, as it
    can be requested without a key. A request that times out before that leaves the result to the next one."""
    kept = request.app.state
    if not hasattr(kept, "document"):
        kept.document = asyncio.get_running_loop().run_in_executor(_MAKER, _written, request.app)
    return Response(await asyncio.shield(kept.document), media_type="application/json", headers=_FOR_ALL)


@router.get("/v1/schemas/workspace-file.json")
async def get_file_schema() -> Response:
    """Return the JSON Schema of the files that apply reads. It needs no key, because editors have none."""
    return Response(_file_schema(), media_type="application/schema+json", headers=_KEPT)


@router.get("/docs")
async def get_docs() -> Response:
    """Return the page."""
    return Response(_PAGE, media_type="text/html", headers={"Content-Security-Policy": _POLICY} | _FOR_ALL)


@router.get("/docs/start.js")
async def get_start() -> Response:
    """Return the script that starts Swagger UI. It is a file because the page must not contain scripts."""
    return Response(_START, media_type="text/javascript", headers=_KEPT)


@router.get("/docs/swagger-ui-bundle.js")
async def get_bundle() -> Response:
    """Return Swagger UI's script."""
    return Response(_content("swagger-ui-bundle.js"), media_type="text/javascript", headers=_KEPT)


@router.get("/docs/swagger-ui.css")
async def get_styles() -> Response:
    """Return Swagger UI's styles."""
    return Response(_content("swagger-ui.css"), media_type="text/css", headers=_KEPT)


@router.get("/docs/favicon-32x32.png")
async def get_icon() -> Response:
    """Return the icon."""
    return Response(_content("favicon-32x32.png"), media_type="image/png", headers=_KEPT)


def _written(app: FastAPI) -> bytes:
    return orjson.dumps(app.openapi())


@cache
def _file_schema() -> bytes:
    return orjson.dumps(file_schema())


@cache
def _content(name: str) -> bytes:
    """Return a whole file of Swagger UI. FileResponse would read it in pieces in threads, and would reject a Range with
    an error that is not a problem document."""
    return (_DISTRIBUTION / name).read_bytes()

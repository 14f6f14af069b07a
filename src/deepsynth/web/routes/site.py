"""The pages and the files of the front end."""

from __future__ import annotations

import functools
import hashlib
import html
import json
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, HTMLResponse

from deepsynth.web.errors import UnknownThingError

router = APIRouter(tags=["pages"])
WEB = Path(str(files("deepsynth.web")))
NO_CACHE = {"cache-control": "no-cache"}
FOREVER = {"cache-control": "public, max-age=31536000, immutable"}
NO_PAGE = "<!doctype html><title>DeepSynth</title><p>The pages are not part of this installation; see api/openapi.json."


@router.get("/", response_class=HTMLResponse)
def index() -> HTMLResponse:
    """Return the application's only page."""
    return HTMLResponse(page("index"), headers=NO_CACHE)


@router.get("/login", response_class=HTMLResponse)
def login() -> HTMLResponse:
    """Return the page to log in on."""
    return HTMLResponse(page("login"), headers=NO_CACHE)


def missing(request: Request) -> HTMLResponse:
    """Return the page for an address where nothing is; its links begin at the prefix of the application."""
    home = request.scope.get("root_path", "") + "/"
    return HTMLResponse(page("missing").replace("{{ home }}", html.escape(home)), 404, headers=NO_CACHE)


@router.get(
    "/static/{path:path}",
    response_class=FileResponse,
    responses={200: {"content": {"text/javascript": {}, "text/css": {}}}, 304: {"description": "as before"}},
)
def static(request: Request, path: str) -> Response:
    """Return a file of the front end."""
    file = find_static(WEB / "static", path)
    kind = static_media_type(file.name)
    headers = dict(FOREVER if path.startswith("dist/") and file.name != "manifest.json" else NO_CACHE)
    zipped = file.with_name(file.name + ".gz")
    if zipped.is_file() and "gzip" in request.headers.get("accept-encoding", ""):
        return FileResponse(
            zipped, media_type=kind, headers={**headers, "content-encoding": "gzip", "vary": "accept-encoding"}
        )
    response = FileResponse(file, media_type=kind, headers=headers, stat_result=file.stat())
    if request.headers.get("if-none-match") == response.headers["etag"]:
        return Response(status_code=304, headers={**headers, "etag": response.headers["etag"]})
    return response


def static_media_type(name: str) -> str | None:
    """Return the media type of a file of the front end; none for what is not served."""
    return {
        ".js": "text/javascript; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".svg": "image/svg+xml",
        ".png": "image/png",
        ".ico": "image/x-icon",
        ".woff2": "font/woff2",
        ".json": "application/json",
        ".webmanifest": "application/manifest+json",
        ".map": "application/json",
        ".txt": "text/plain; charset=utf-8",
    }.get(PurePosixPath(name).suffix)


def find_static(root: Path, path: str) -> Path:
    """Return a file below `root`, reached without links, of a kind that is served.

    Raises:
        UnknownThingError: there is none.
    """
    parts = path.split("/")
    odd = any(part in ("", ".", "..") or part.startswith(".") or "\\" in part or "\0" in part for part in parts)
    file = root.joinpath(*parts) if not odd and len(path) < 300 else root
    if static_media_type(file.name) is None or file.resolve() != root.resolve().joinpath(*parts) or not file.is_file():
        raise UnknownThingError(f"no file static/{path[:100]}")
    return file


def page(name: str, web: Path = WEB) -> str:
    """Return a page with the addresses of its script and its style: built ones where they fit the sources, else the modules."""
    template = web / "templates" / f"{name}.html"
    if not template.is_file():
        return NO_PAGE
    names = _assets(web / "static")
    text = template.read_text(encoding="utf-8")
    return text.replace("{{ script }}", f"static/{names['script']}").replace("{{ style }}", f"static/{names['style']}")


def _assets(static_folder: Path) -> dict[str, str]:
    manifest = static_folder / "dist" / "manifest.json"
    if manifest.is_file():
        built: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
        if built.get("sources") == hash_sources(static_folder, _newest(static_folder)):
            return {"script": f"dist/{built['script']}", "style": f"dist/{built['style']}"}
    return {"script": "script.js", "style": "style.css"}


def _sources(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).parts[0] != "dist")


def _newest(folder: Path) -> int:
    return max((path.stat().st_mtime_ns for path in _sources(folder)), default=0)


@functools.lru_cache(maxsize=4)
def hash_sources(folder: Path, _newest_change: int) -> str:
    """Return the sha256 over names and contents of the front end's sources, by which a build knows what it was made from."""
    digest = hashlib.sha256()
    for path in _sources(folder):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{content}\n".encode())
    return digest.hexdigest()

"""The web app: files that were built before, from memory, each compressed beforehand too."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from oracle.errors import InputError
from oracle.gateway.config import ServerConfig
from oracle.gateway.services import Services

_INDEX = "index.html"
_KINDS: Final = MappingProxyType(
    {
        ".css": "text/css; charset=utf-8",
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".json": "application/json",
        ".svg": "image/svg+xml",
        ".woff2": "font/woff2",
    }
)
"""Files of other kinds are not served."""
_HASHED = "assets/"
"""Files there have a hash in their names: what such an address answers never changes."""
_NOT_BUILT = "the web app is not built: run make setup, or set web in the configuration\n"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file; ``packed`` is its gzip, if that is there."""

    content: bytes
    packed: bytes | None
    kind: str
    etag: str


def app_folder(config: ServerConfig) -> Path | None:
    """The configured folder, or that of the checkout this runs from; None where neither is.

    Raises ``InputError`` for a configured folder without the app.
    """
    if config.web is not None:
        if not (config.web / _INDEX).is_file():
            raise InputError(f"web: there is no {_INDEX} in {config.web}", "build it: make setup")
        return config.web
    built = Path(__file__).parents[2] / "web" / "dist"
    return built if (built / _INDEX).is_file() else None


def read_assets(folder: Path) -> dict[str, Asset]:
    """All files to serve, by their paths below the folder."""
    return {
        path.relative_to(folder).as_posix(): _asset(path, _KINDS[path.suffix])
        for path in sorted(folder.rglob("*"))
        if path.suffix in _KINDS and path.is_file()
    }


def _asset(path: Path, kind: str) -> Asset:
    content = path.read_bytes()
    packed = path.with_name(path.name + ".gz")
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return Asset(content, packed.read_bytes() if packed.is_file() else None, kind, etag)


def policy(config: ServerConfig) -> str:
    """What the app's pages may load: only what is here, and the chains that visitors are told to
    ask. Pictures in the address itself are wallets' own, which announce them so."""
    chains = "".join(f" {origin}" for origin in config.browser_origins)
    return (
        f"default-src 'self'; connect-src 'self'{chains}; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def router(services: Services) -> APIRouter:
    """``/app/`` and all below it; ``GET /`` leads there, ``POST /`` is GraphQL's."""
    routes = APIRouter(include_in_schema=False)
    folder = app_folder(services.config)
    assets = {} if folder is None else read_assets(folder)
    csp = policy(services.config)

    @routes.get("/")
    @routes.get("/app")
    def begin() -> RedirectResponse:
        return RedirectResponse("/app/")

    @routes.api_route("/app/{path:path}", methods=["GET", "HEAD"])
    def show(request: Request, path: str) -> Response:
        if not assets:
            return Response(_NOT_BUILT, 404, media_type="text/plain")
        found = assets.get(path)
        if found is None and "." not in path.rpartition("/")[2]:
            path, found = _INDEX, assets[_INDEX]
        if found is None:
            raise InputError("the app has no such file")
        return _answer(request, found, path, csp)

    return routes


def _answer(request: Request, asset: Asset, path: str, csp: str) -> Response:
    is_packed = asset.packed is not None and "gzip" in request.headers.get("accept-encoding", "")
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable"
        if path.startswith(_HASHED)
        else "no-cache",
        "Content-Security-Policy": csp,
        "ETag": asset.etag,
        "Referrer-Policy": "no-referrer",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if request.headers.get("if-none-match") == asset.etag:
        return Response(status_code=304, headers=headers)
    if not is_packed:
        return Response(asset.content, media_type=asset.kind, headers=headers)
    headers["Content-Encoding"] = "gzip"
    return Response(asset.packed, media_type=asset.kind, headers=headers)

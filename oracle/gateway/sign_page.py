"""The page that errors send owners to: their wallet signs there what lets the server act."""

from importlib.resources import files
from types import MappingProxyType
from typing import Final

from eth_utils import is_hex_address, to_checksum_address
from fastapi import APIRouter, Response

from oracle.errors import InputError
from oracle.gateway.services import Services

_KINDS: Final = MappingProxyType(
    {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
)
_HEADERS: Final = MappingProxyType(
    {
        "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
        "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
)
"""Nothing from elsewhere runs in the page, and no page elsewhere may show it."""


def router(services: Services) -> APIRouter:
    """``/sign`` and its files; the same for everyone."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/sign")
    def page() -> Response:
        return _file("sign.html")

    @routes.get("/sign/{name}")
    def part(name: str) -> Response:
        if name not in ("sign.js", "start.js", "sign.css"):
            raise InputError("the page has no such file")
        return _file(name)

    @routes.get("/sign/address/{address}")
    def checksummed(address: str) -> dict[str, str]:
        """An address with its checksum, as messages to sign in need it."""
        if not is_hex_address(address):
            raise InputError("this is no address", "0x and 40 hex digits")
        return {"address": to_checksum_address(address)}

    return routes


def _file(name: str) -> Response:
    content = files("oracle.gateway").joinpath("pages", name).read_bytes()
    kind = _KINDS[name[name.rindex(".") :]]
    return Response(content, media_type=f"{kind}; charset=utf-8", headers=dict(_HEADERS))

"""The address that errors send owners to: the wallet page of the app, which asks for what lets the
server act; a text where the app is not there."""

from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse

from oracle.gateway.services import Services
from oracle.gateway.web import app_folder

_WITHOUT = (
    "This server has no web app. Sign on the command line instead:\n"
    "  assay mandate give        lets the server change your stake, within bounds\n"
    "  assay submit              sends predictions to the operators yourself\n"
)
_CHARACTERS = "=&"
"""Of a query that stay as they are."""


def router(services: Services) -> APIRouter:
    """``/sign`` with the tournament, the model and the action in its query."""
    routes = APIRouter(include_in_schema=False)
    has_app = app_folder(services.config) is not None

    @routes.get("/sign")
    def sign(request: Request) -> Response:
        if not has_app:
            return PlainTextResponse(_WITHOUT, 404)
        query = quote(request.url.query, safe=f"{_CHARACTERS}%+")
        return RedirectResponse(f"/app/wallet?{query}#permissions", 303)

    return routes

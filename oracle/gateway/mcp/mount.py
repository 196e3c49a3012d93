"""How the tools are reached: POST /mcp, without sessions, so that nothing is kept between calls.
Other methods are refused: a GET would open a stream on which nothing ever comes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from oracle.accounts.caller import SignInError
from oracle.accounts.rates import TooManyError
from oracle.gateway.config import ServerConfig
from oracle.gateway.errors import told
from oracle.gateway.mcp.tools import build_tools
from oracle.gateway.services import Services

_MAX_BODY = 2**20


def router(services: Services) -> APIRouter:
    server = build_tools(services)
    # Makes the session manager, which the route below is served by.
    server.streamable_http_app(
        stateless_http=True,
        json_response=True,
        max_request_body_size=_MAX_BODY,
        transport_security=_hosts(services.config),
    )
    manager: StreamableHTTPSessionManager = server.session_manager

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with manager.run():
            yield

    routes = APIRouter(lifespan=lifespan)
    tools = _Counted(services, StreamableHTTPASGIApp(manager))
    routes.routes.append(Route("/mcp", endpoint=tools, methods=["POST"], include_in_schema=False))
    return routes


class _Counted:
    """ASGI: counts a request by whose it is before anything else is done for it."""

    def __init__(self, services: Services, app: ASGIApp) -> None:
        self._services, self._app = services, app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._services.caller(Request(scope))
        except TooManyError as error:
            await told(error).response()(scope, receive, send)
            return
        except SignInError:
            pass  # whichever tool is called says so
        await self._app(scope, receive, send)


def _hosts(config: ServerConfig) -> TransportSecuritySettings:
    """Browsers of pages elsewhere are refused: a name that is led to this machine is no way in."""
    parts = urlsplit(config.url)
    here = [f"{host}:*" for host in ("127.0.0.1", "localhost", "[::1]")]
    hosts = [parts.netloc, f"{parts.hostname}:*", *here]
    origins = [f"{parts.scheme}://{parts.netloc}", *(f"http://{host}" for host in here)]
    return TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=origins)

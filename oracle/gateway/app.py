"""The application: every part's routes, bounded and with errors in one form."""

from collections.abc import Sequence

import uvicorn
from fastapi import APIRouter, FastAPI

from oracle import __version__
from oracle.gateway.connections import Lines, protocol
from oracle.gateway.errors import explain_errors
from oracle.gateway.guard import Bounds, Guard
from oracle.gateway.health import health_router
from oracle.gateway.services import Services
from oracle.operator.limits import Limits
from oracle.operator.sending import Sending

_BOUNDS = Bounds()
_HEAD_SECONDS = 10.0
"""For a request's head to arrive."""
_LIMITS = Limits(sending=30.0, rate=2**14)
"""How slowly an answer may be read: data sets are large, and lines slow."""


def build(services: Services, routers: Sequence[APIRouter], bounds: Bounds = _BOUNDS) -> FastAPI:
    """The application of one server; it describes itself at ``/v1/openapi.json``."""
    app = FastAPI(
        title="Assay",
        version=__version__,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    explain_errors(app)
    app.include_router(health_router(services.health))
    for router in routers:
        app.include_router(router)
    app.add_middleware(Guard, bounds=bounds)
    return app


def settings(app: FastAPI, services: Services) -> uvicorn.Config:
    """How it is served: few connections of one address, none idle for long, short headers, no log
    of accesses, slow readers cut off, forwarding headers believed of the proxies alone."""
    proxies = list(services.config.proxies)
    lines = Lines(services.config.connections, _HEAD_SECONDS, proxies)
    return uvicorn.Config(
        Sending(app, _LIMITS),
        log_level="warning",
        log_config=None,
        access_log=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies or None,
        http=protocol(lines),
        limit_concurrency=2 * _BOUNDS.requests,
        h11_max_incomplete_event_size=2**14,
        timeout_graceful_shutdown=3,
        server_header=False,
    )

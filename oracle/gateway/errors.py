"""What people are told when something went wrong; never what is in a trace."""

import logging
from dataclasses import dataclass
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from oracle.accounts.caller import ScopeError, SignInError
from oracle.accounts.rates import TooManyError
from oracle.errors import AssayError, InputError, UnreachableError

_log = logging.getLogger("assay.gateway")
_STATUS: dict[type[AssayError], int] = {
    SignInError: 401,
    ScopeError: 403,
    TooManyError: 429,
    InputError: 422,
    UnreachableError: 503,
}
_REFUSED = 409


@dataclass(frozen=True, slots=True)
class Told:
    """``status`` where the client reads it; GraphQL answers 200 all the same."""

    status: int
    code: str
    message: str
    fix: str = ""

    def response(self) -> JSONResponse:
        body = {"error": {"code": self.code, "message": self.message, "fix": self.fix}}
        return JSONResponse(body, self.status)


def told(error: BaseException) -> Told:
    """What to say of ``error``: of one that nobody expected only a number, which is in the log."""
    if isinstance(error, AssayError):
        kinds = (code for kind, code in _STATUS.items() if isinstance(error, kind))
        return Told(next(kinds, _REFUSED), error.code, error.message, error.fix)
    number = uuid4().hex[:12]
    _log.error("internal error %s", number, exc_info=error)
    return Told(500, "internal", f"internal error {number}", "report it with its number")


def refused(status: int, code: str, message: str, fix: str = "") -> ASGIApp:
    """An answer for where no route was reached."""
    return Told(status, code, message, fix).response()


def explain_errors(app: FastAPI) -> None:
    """Every error of a route in one form: ``{"error": {"code", "message", "fix"}}``."""

    @app.exception_handler(AssayError)
    async def explain(_: Request, error: AssayError) -> JSONResponse:
        return told(error).response()

    @app.exception_handler(HTTPException)
    async def refuse(_: Request, error: HTTPException) -> JSONResponse:
        return Told(error.status_code, "refused", str(error.detail)).response()

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return Told(422, InputError.code, f"{where}: {first['msg']}").response()

    @app.exception_handler(Exception)
    async def unexpected(_: Request, error: Exception) -> JSONResponse:
        return told(error).response()

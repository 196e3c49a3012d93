"""The operator's HTTP face: takes files, shows its results to operators and to anyone.

What it gives out of submissions and targets is sealed to operators, or to the model's owner.
"""

from typing import Annotated

import uvicorn
from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, HTTPException, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response

from oracle import __version__
from oracle.errors import AssayError, InputError, RefusedError, UnreachableError
from oracle.operator.health import health_router
from oracle.operator.ingest import Ingest
from oracle.operator.limits import InFlight, Limits, Making, limited_body
from oracle.operator.metrics import Metrics
from oracle.operator.paging import PAGE, After, Limit, page_bytes, parse_cursor
from oracle.operator.results import Results, RoundNumber, Sha256, results_router
from oracle.operator.sending import Sending
from oracle.operator.tries import BusyError
from oracle.operator.wrapping import MAX_BODY
from oracle.settlement import submitters
from oracle.settlement.typed_data import HistoryRequest
from oracle.settlement.units import MAX_MODELS
from oracle.settlement.wire import (
    MAX_SEQUENCE,
    CardMessage,
    ReceiptMessage,
    TargetsMessage,
    receipt_message,
    submission_message,
    unhex,
)
from oracle.store.listing import listed_after

_Signature = Annotated[str, Query(pattern="^0x[0-9a-fA-F]{130}$")]
_OwnersWord = Annotated[str, Query(pattern=submitters.PATTERN.replace("a-f", "a-fA-F"))]
_Count = Annotated[int, Query(ge=0, le=MAX_SEQUENCE)]
_STATUS: dict[type[AssayError], int] = {InputError: 422, UnreachableError: 503, BusyError: 429}
_SEALED = "application/octet-stream"
_LIMITS = Limits()


def build(
    ingest: Ingest,
    results: Results,
    limits: Limits = _LIMITS,
    *,
    metrics: Metrics | None = None,
) -> FastAPI:
    """The application of one operator; ``metrics`` are those that its loop tells."""
    app = FastAPI(title="Assay operator", version=__version__)
    _explain_errors(app)
    _take_files(app, ingest, limits)
    _show_files(app, ingest, limits)
    app.include_router(results_router(results, limits))

    operator = None if ingest.signer is None else ingest.signer.address
    seen = metrics or Metrics()
    app.include_router(health_router(seen.pulse, seen.registry, operator))
    app.add_middleware(InFlight, limits=limits, refuse=_answer_to)
    return app


def settings(app: FastAPI, limits: Limits = _LIMITS) -> uvicorn.Config:
    """How the application is served: few idle connections, short headers, no access log, slow
    readers cut off."""
    return uvicorn.Config(
        Sending(app, limits),
        log_level="warning",
        log_config=None,  # as whatever else logs in the process
        access_log=False,
        limit_concurrency=4 * limits.requests,
        h11_max_incomplete_event_size=2**14,
        timeout_graceful_shutdown=3,
    )


def _explain_errors(app: FastAPI) -> None:
    @app.exception_handler(AssayError)
    async def explain(_: Request, error: AssayError) -> JSONResponse:
        return _answer_to(error)

    @app.exception_handler(HTTPException)
    async def refuse(_: Request, error: HTTPException) -> JSONResponse:
        return _error(error.status_code, RefusedError.code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return _error(422, InputError.code, f"{where}: {first['msg']}")


def _take_files(app: FastAPI, ingest: Ingest, limits: Limits) -> None:
    working = CapacityLimiter(limits.working)

    @app.post("/submissions", status_code=201)
    async def submit(
        request: Request,
        round: Annotated[int, Query(ge=1, lt=2**32)],
        model: Annotated[int, Query(ge=0, lt=MAX_MODELS)],
        sequence: _Count,
        signature: _OwnersWord,
    ) -> ReceiptMessage:
        body = await limited_body(request, MAX_BODY, limits.seconds)
        receipt = await to_thread.run_sync(
            ingest.accept, body, round, model, sequence, unhex(signature), limiter=working
        )
        return receipt_message(receipt)

    @app.post("/rounds/{number}/targets", status_code=201)
    async def take_targets(
        request: Request, number: RoundNumber, release_at: _Count, signature: _Signature
    ) -> TargetsMessage:
        body = await limited_body(request, MAX_BODY, limits.seconds)
        return await to_thread.run_sync(
            ingest.desk.accept, body, number, release_at, unhex(signature), limiter=working
        )


def _show_files(app: FastAPI, ingest: Ingest, limits: Limits) -> None:
    journal = ingest.journal
    # A page of a list, and a file sealed anew, take memory that anyone may ask for.
    making = Making(limits)

    @app.get("/card")
    def card() -> CardMessage:
        if ingest.cards.own is None:
            raise HTTPException(404, "this operator runs without a key")
        return ingest.cards.own

    @app.get("/rounds/{number}/submissions")
    async def submissions(
        request: Request, number: RoundNumber, after: After = None, limit: Limit = PAGE
    ) -> Response:
        found = await making.answer(request, listed, number, after, limit)
        return Response(found, media_type="application/json")

    def listed(number: int, after: str | None, limit: int) -> bytes:
        _require_closed(ingest, number)
        kept = listed_after(journal.database, number, parse_cursor(after), limit)
        return page_bytes(submission_message(*item) for item in kept)

    @app.get("/rounds/{number}/submissions/{sha256}")
    async def submission(request: Request, number: RoundNumber, sha256: Sha256) -> Response:
        found = await making.answer(request, shared, number, sha256)
        return _sealed(found, "unknown submission")

    def shared(number: int, sha256: str) -> bytes | None:
        _require_closed(ingest, number)
        return ingest.shared(number, bytes.fromhex(sha256))

    @app.get("/rounds/{number}/targets")
    def targets(number: RoundNumber) -> TargetsMessage:
        found = ingest.desk.shown(number)
        if found is None:
            raise HTTPException(404, "no targets in the vault")
        return found

    @app.get("/rounds/{number}/targets/{sha256}")
    async def sealed_targets(request: Request, number: RoundNumber, sha256: Sha256) -> Response:
        found = await making.answer(request, ingest.desk.shared, number, bytes.fromhex(sha256))
        return _sealed(found, "unknown targets")

    @app.get("/models/{model}/diagnostics")
    async def history(
        request: Request,
        model: Annotated[int, Path(ge=0, lt=MAX_MODELS)],
        recipient: Annotated[str, Query(max_length=100)],
        asked_at: _Count,
        signature: _Signature,
    ) -> Response:
        asked = HistoryRequest(model, recipient, asked_at)
        found = await making.answer(request, ingest.read_history, asked, unhex(signature))
        return _sealed(found, "")


def _sealed(found: bytes | None, otherwise: str) -> Response:
    if found is None:
        raise HTTPException(404, otherwise)
    return Response(found, media_type=_SEALED)


def _answer_to(error: AssayError) -> JSONResponse:
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 409)
    return _error(status, error.code, error.message, error.fix)


def _error(status: int, code: str, message: str, fix: str = "") -> JSONResponse:
    body = {"error": {"code": code, "message": message, "fix": fix}}
    return JSONResponse(body, status_code=status)


def _require_closed(ingest: Ingest, round_number: int) -> None:
    """Who has sent what stays with the operator that took it until nobody can use it any more."""
    announced = ingest.reader.announced(round_number)
    if announced is None or ingest.reader.newest().timestamp < announced.closes:
        raise HTTPException(403, "submissions are shared once the round has closed")

"""The operator's HTTP face: takes submissions, shows its results to operators and to anyone."""

from collections import defaultdict
from typing import Annotated

from fastapi import FastAPI, HTTPException, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from oracle import __version__
from oracle.errors import AssayError, InputError, RefusedError, UnreachableError
from oracle.operator.ingest import MAX_BYTES, Ingest
from oracle.operator.worker import Worker
from oracle.settlement.manifest import hex32
from oracle.settlement.units import MAX_MODELS
from oracle.settlement.wire import (
    MAX_SEQUENCE,
    AttestationMessage,
    ProposalMessage,
    ReceiptMessage,
    SubmissionMessage,
    receipt_message,
    submission_message,
    unhex,
)

_RoundNumber = Annotated[int, Path(ge=1, lt=2**32)]
_STATUS = {InputError: 422, UnreachableError: 503}


def build(ingest: Ingest, worker: Worker) -> FastAPI:
    """The application of one operator."""
    app = FastAPI(title="Assay operator", version=__version__)
    journal = ingest.journal

    @app.exception_handler(AssayError)
    async def explain(_: Request, error: AssayError) -> JSONResponse:
        status = _STATUS.get(type(error), 409)
        return _error(status, error.code, error.message, error.fix)

    @app.exception_handler(HTTPException)
    async def refuse(_: Request, error: HTTPException) -> JSONResponse:
        return _error(error.status_code, RefusedError.code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return _error(422, InputError.code, f"{where}: {first['msg']}")

    @app.post("/submissions", status_code=201)
    async def submit(
        request: Request,
        round: Annotated[int, Query(ge=1, lt=2**32)],
        model: Annotated[int, Query(ge=0, lt=MAX_MODELS)],
        sequence: Annotated[int, Query(ge=0, le=MAX_SEQUENCE)],
        signature: Annotated[str, Query(pattern="^0x[0-9a-fA-F]{130}$")],
    ) -> ReceiptMessage:
        raw = await _limited_body(request)
        receipt = await run_in_threadpool(
            ingest.accept, raw, round, model, sequence, unhex(signature)
        )
        return receipt_message(receipt)

    @app.get("/rounds/{number}/submissions")
    def submissions(number: _RoundNumber) -> list[SubmissionMessage]:
        _require_closed(ingest, number)
        receipts = defaultdict(list)
        for receipt in journal.receipts(number):
            receipts[receipt.key].append(receipt)
        signatures = journal.signatures(number)
        return [submission_message(k, signed, receipts[k]) for k, signed in signatures.items()]

    @app.get("/rounds/{number}/submissions/{sha256}")
    def submission_bytes(
        number: _RoundNumber, sha256: Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
    ) -> Response:
        _require_closed(ingest, number)
        found = journal.find(number, bytes.fromhex(sha256))
        if found is None:
            raise HTTPException(404, "unknown submission")
        return Response(found.raw, media_type="application/octet-stream")

    @app.get("/rounds/{number}/proposal")
    def proposal(number: _RoundNumber) -> ProposalMessage:
        found = worker.proposal(number)
        if found is None:
            raise HTTPException(404, "this operator has not evaluated this round")
        return ProposalMessage(digest=hex32(found))

    @app.get("/rounds/{number}/attestation")
    def attestation(number: _RoundNumber) -> AttestationMessage:
        own = worker.own_attestation(number)
        if own is None:
            raise HTTPException(404, "this operator has not signed this round")
        return own

    @app.get("/healthz")
    def health() -> dict[str, object]:
        return {"operator": ingest.account.address, **worker.health()}

    return app


def _error(status: int, code: str, message: str, fix: str = "") -> JSONResponse:
    body = {"error": {"code": code, "message": message, "fix": fix}}
    return JSONResponse(body, status_code=status)


async def _limited_body(request: Request) -> bytes:
    """The request's body; stops reading as soon as it is too large."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BYTES:
            raise InputError(f"the file is larger than {MAX_BYTES} bytes")
    return bytes(body)


def _require_closed(ingest: Ingest, round_number: int) -> None:
    """Predictions stay with the operator that took them until nobody can use them any more."""
    announced = ingest.reader.announced(round_number)
    if announced is None or ingest.reader.newest().timestamp < announced.closes:
        raise HTTPException(403, "submissions are shared once the round has closed")

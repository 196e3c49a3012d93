"""HTTP: what an operator has found out about rounds, for the other operators and for anyone."""

from pathlib import Path
from typing import Annotated, Protocol, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, Response

from oracle.operator.limits import Limits, Making, limited_body
from oracle.settlement.agreement import NIL
from oracle.settlement.confirmation import ConfirmationMessage
from oracle.settlement.evidence import MAX_BYTES
from oracle.settlement.manifest import hex32
from oracle.settlement.wire import AttestationMessage, VoteMessage, unhex

_T = TypeVar("_T")
RoundNumber = Annotated[int, PathParameter(ge=1, lt=2**32)]
Sha256 = Annotated[str, PathParameter(pattern="^[0-9a-f]{64}$")]
Challenge = Annotated[str, Query(pattern="^0x[0-9a-f]{64}$")]
Page = Annotated[int, Query(ge=0, lt=2**20)]
_NO_CHALLENGE = hex32(NIL)


Operator = Annotated[str, PathParameter(pattern="^0x[0-9a-fA-F]{40}$")]


class Evidence(Protocol):
    """What speaks against rounds."""

    def accept(self, number: int, raw: bytes) -> bytes: ...

    def all(self, number: int) -> list[bytes]: ...

    def find(self, number: int, sha256: bytes) -> bytes | None: ...


class Results(Protocol):
    """What is shown: the worker's. Every method may be called from any thread."""

    @property
    def evidence(self) -> Evidence: ...

    def votes(self, number: int, challenge: bytes) -> list[VoteMessage]: ...

    def draft(self, number: int, digest: bytes, page: int) -> bytes | None: ...

    def draft_targets(self, number: int, digest: bytes) -> bytes | None: ...

    def own_attestation(self, number: int) -> AttestationMessage | None: ...

    def attestations_of(self, number: int, operator: str) -> list[AttestationMessage]:
        """Every result of the round that ``operator`` is known to have signed."""
        ...

    def confirmation(self, number: int) -> ConfirmationMessage | None: ...

    def shown_folder(self, number: int) -> Path | None:
        """The round's folder once it may be seen, None before."""
        ...


def results_router(results: Results, limits: Limits) -> APIRouter:
    """Routes below ``/rounds/{number}``."""
    router = APIRouter(prefix="/rounds/{number}")
    # Evidence is checked, and a round's is listed, at the cost of whoever is asked.
    working, making = CapacityLimiter(limits.working), Making(limits)

    @router.get("/votes")
    def votes(number: RoundNumber, challenge: Challenge = _NO_CHALLENGE) -> list[VoteMessage]:
        return results.votes(number, unhex(challenge))

    @router.get("/drafts/{digest}")
    def draft(number: RoundNumber, digest: Sha256, page: Page = 0) -> Response:
        found = results.draft(number, bytes.fromhex(digest), page)
        return Response(_had(found, "no such page"), media_type="application/json")

    @router.get("/drafts/{digest}/targets")
    async def draft_targets(number: RoundNumber, digest: Sha256) -> Response:
        hashed = bytes.fromhex(digest)
        found = await to_thread.run_sync(results.draft_targets, number, hashed, limiter=working)
        return Response(_had(found, "unknown draft"), media_type="application/octet-stream")

    @router.get("/attestation")
    def attestation(number: RoundNumber) -> AttestationMessage:
        return _had(results.own_attestation(number), "this operator has not signed this round")

    @router.get("/attestations/{operator}")
    def attestations_of(number: RoundNumber, operator: Operator) -> list[AttestationMessage]:
        return results.attestations_of(number, operator)

    @router.get("/confirmation")
    def confirmation(number: RoundNumber) -> ConfirmationMessage:
        return _had(results.confirmation(number), "this operator has not answered a challenge")

    @router.post("/evidence", status_code=201)
    async def accept_evidence(number: RoundNumber, request: Request) -> dict[str, str]:
        raw = await limited_body(request, MAX_BYTES, limits.seconds)
        sha256 = await to_thread.run_sync(results.evidence.accept, number, raw, limiter=working)
        return {"sha256": hex32(sha256)}

    @router.get("/evidence")
    async def evidence(request: Request, number: RoundNumber) -> Response:
        found = await making.answer(request, listed, number)
        return Response(found, media_type="application/json")

    def listed(number: int) -> bytes:
        return b"[%b]" % b",".join(results.evidence.all(number))

    @router.get("/evidence/{sha256}")
    async def one_evidence(number: RoundNumber, sha256: Sha256) -> Response:
        hashed = bytes.fromhex(sha256)
        found = await to_thread.run_sync(results.evidence.find, number, hashed, limiter=working)
        return Response(_had(found, "unknown evidence"), media_type="application/json")

    @router.get("/artefacts/{path:path}")
    def artefact(number: RoundNumber, path: str) -> FileResponse:
        folder = _had(results.shown_folder(number), "the round's folder is not open yet")
        return FileResponse(_inside(folder, path), media_type="application/octet-stream")

    return router


def _had(found: _T | None, otherwise: str) -> _T:
    if found is None:
        raise HTTPException(404, otherwise)
    return found


def _inside(folder: Path, path: str) -> Path:
    """A file of the folder; 404 for anything else, names that begin with a dot among it: they are
    being written."""
    parts = path.split("/")
    file = folder.joinpath(*parts)
    if any(not part or part.startswith(".") or "\0" in part or "\\" in part for part in parts):
        raise HTTPException(404, "no such file")
    if not file.is_file() or not file.resolve().is_relative_to(folder.resolve()):
        raise HTTPException(404, "no such file")
    return file

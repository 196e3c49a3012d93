"""Routes of diagnostics: uploaded predictions for the past, and what was found in them."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field

from oracle.accounts.caller import Scope
from oracle.errors import InputError
from oracle.examining.rows import Diagnostics
from oracle.gateway.examining import examiner_of
from oracle.gateway.forms import iso
from oracle.gateway.rest.common import ERRORS, ModelId, asked, own_model
from oracle.gateway.services import Services

_UploadId = Annotated[str, Path(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class FileWish(BaseModel):
    """``filename``: the name that came with the address the file was put to."""

    filename: str = Field(max_length=160)


class ExaminedShown(BaseModel):
    """``status``: pending, done or failed; ``message`` says why."""

    id: str
    filename: str
    status: str
    message: str
    inserted: str | None
    updated: str | None


class SeriesShown(BaseModel):
    """One score: a number for each era, null where there is none, and statistics over those that
    have one. ``reasons`` and ``missing`` say why numbers are not there; ``max_drawdown`` is the
    deepest fall of the cumulative sum, positive."""

    by_era: list[float | None]
    eras: int
    mean: float | None
    std: float | None
    sharpe: float | None
    max_drawdown: float | None
    autocorrelation: float | None
    reasons: dict[str, str]
    missing: dict[str, int]


class ExposureShown(BaseModel):
    """Of one feature: mean over eras, and the exposure of the largest size in any era."""

    mean: float
    largest: float


class FoundShown(BaseModel):
    """What was found. ``eras`` are in the data set's order, as are ``rows`` (those that have a
    target), ``levels`` and all ``by_era``."""

    target: str
    feature_set: str
    features: int
    benchmark: str | None
    eras: list[str]
    rows: list[int]
    scores: dict[str, SeriesShown]
    levels: list[int | None]
    exposures: dict[str, ExposureShown] | None


class DiagnosticsShown(ExaminedShown):
    """``found`` is null before it is done, and where it failed."""

    model: str
    found: FoundShown | None


def router(services: Services) -> APIRouter:
    """Routes below ``/v1``."""
    routes = APIRouter(prefix="/v1", tags=["diagnostics"], responses=ERRORS)
    examiner, call = services.part(examiner_of), services.call

    @routes.post("/models/{model_id}/diagnostics", status_code=201)
    async def examine(request: Request, model_id: ModelId, wish: FileWish) -> ExaminedShown:
        """Examines a file that was put to an address for diagnostics; asked again, the same one."""
        caller = await asked(services, request)
        model = await own_model(services, caller, model_id, Scope.UPLOAD_SUBMISSION)
        made = await call(examiner.create, caller, model.tournament, model, wish.filename)
        [row] = await call(examiner.get, caller, made, model)
        return ExaminedShown(**_examined(row))

    @routes.get("/models/{model_id}/diagnostics")
    async def listed(request: Request, model_id: ModelId) -> list[ExaminedShown]:
        """Uploads of a model of the caller's, the newest first."""
        caller = await asked(services, request)
        model = await own_model(services, caller, model_id, Scope.READ_SUBMISSION_INFO)
        return [
            ExaminedShown(**_examined(row)) for row in await call(examiner.listed, caller, model)
        ]

    @routes.get("/diagnostics/{upload_id}")
    async def one(request: Request, upload_id: _UploadId) -> DiagnosticsShown:
        """An upload of the caller's, with every number of every era."""
        caller = await asked(services, request)
        account = caller.require(Scope.READ_SUBMISSION_INFO)
        row = await call(examiner.by_id, upload_id)
        owned = (
            [] if row is None else await call(services.models.by_id, row.tournament, [row.model])
        )
        if row is None or not owned or row.account != account.id:
            raise InputError("there are no diagnostics of yours with this id")
        found = None if row.report is None else FoundShown(**_found(row.report))
        return DiagnosticsShown(**_examined(row), model=owned[0].uuid, found=found)

    return routes


def _examined(row: Diagnostics) -> dict[str, Any]:
    return {
        "id": row.id,
        "filename": row.filename,
        "status": row.status,
        "message": row.message,
        "inserted": iso(row.inserted_at),
        "updated": iso(row.updated_at),
    }


def _found(report: Any) -> dict[str, Any]:
    [model] = report["models"]
    kept = {name: value for name, value in report.items() if name != "models"}
    return kept | {name: model[name] for name in ("scores", "levels", "exposures")}

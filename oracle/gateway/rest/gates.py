"""What Numerai's gate would say of a model's newest file."""

from collections.abc import Mapping, Sequence

from fastapi import APIRouter, Request
from pydantic import BaseModel

from oracle.accounts.caller import Scope
from oracle.errors import AssayError, RefusedError
from oracle.files.blobs import read_whole
from oracle.gateway.forms import iso
from oracle.gateway.intaking import blobs_of, desks_of, intake_of
from oracle.gateway.rest.common import ERRORS, ModelId, asked, own_model
from oracle.gateway.services import Services
from oracle.intake.rows import Submission
from oracle.life.gates import MAX_CHURN, MAX_TURNOVER, Advice, Parsed, advise, newest_by_round
from oracle.records.rows import ModelRow
from oracle.tournaments import signals


class GateShown(BaseModel):
    """``churn`` and ``turnover``: the largest against ``compared`` earlier files, each of another
    round, the newest of those this server has; ``passes`` where there is no ``reasons``. It is
    advice: here stake counts all the same."""

    submission: str
    round: int
    sent: str | None
    compared: int
    churn: float | None
    turnover: float | None
    most_churn: float = MAX_CHURN
    most_turnover: float = MAX_TURNOVER
    passes: bool
    reasons: list[str]


def router(services: Services) -> APIRouter:
    """Routes below ``/v1``."""
    routes = APIRouter(prefix="/v1", tags=["models"], responses=ERRORS)

    @routes.get("/models/{model_id}/gate")
    async def gate(request: Request, model_id: ModelId) -> GateShown:
        """Churn and turnover of the newest file of a Signals model of the caller's."""
        caller = await asked(services, request)
        row = await own_model(services, caller, model_id, Scope.READ_SUBMISSION_INFO)
        if row.tournament != signals.RULES.number:
            raise RefusedError("only Signals has a gate", "ask about a model of tournament 11")
        return await services.call(_gate, services, row)

    return routes


def _gate(services: Services, model: ModelRow) -> GateShown:
    rows = services.part(intake_of).history.of_models(model.tournament, [model.model])
    chosen = newest_by_round(rows, lambda row: row.selected, lambda row: row.round)
    if not chosen:
        raise RefusedError("no file of this model was taken through this server yet")
    numbers = [row.round for row in chosen]
    closes = {
        row.number: row.closes for row in services.rounds.list(model.tournament, numbers=numbers)
    }
    newest = _parsed(services, chosen[0], closes)
    now = services.tournament(model.tournament).now()
    return _shown(chosen[0], advise(newest, _had(services, chosen[1:], closes), now))


def _had(services: Services, rows: Sequence[Submission], closes: Mapping[int, int]) -> list[Parsed]:
    """Those whose file and universe are still there."""
    found = []
    for row in rows:
        try:
            found.append(_parsed(services, row, closes))
        except AssayError:
            continue
    return found


def _parsed(services: Services, row: Submission, closes: Mapping[int, int]) -> Parsed:
    """Sent at its round's close, by the chain."""
    desk = services.part(desks_of)[row.tournament]
    raw = read_whole(services.part(blobs_of), row.key, services.config.files.max_upload)
    return Parsed(desk.check(row.round, raw), desk.universe(row.round).ids, closes[row.round])


def _shown(row: Submission, advice: Advice) -> GateShown:
    return GateShown(
        submission=row.id,
        round=row.round,
        sent=iso(row.inserted_at),
        compared=advice.compared,
        churn=advice.churn,
        turnover=advice.turnover,
        passes=not advice.reasons,
        reasons=list(advice.reasons),
    )

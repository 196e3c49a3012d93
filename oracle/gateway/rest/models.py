"""Routes of models: who they are, how they did, what they were paid."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from eth_utils import is_address, to_checksum_address
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from oracle.accounts.caller import Scope
from oracle.errors import InputError
from oracle.gateway.forms import amount, iso
from oracle.gateway.intaking import intake_of
from oracle.gateway.rest.common import (
    ERRORS,
    Cursor,
    Limit,
    ModelId,
    Page,
    TournamentNumber,
    asked,
    cut,
    model_of,
    own_model,
)
from oracle.gateway.rest.rounds import ResultShown, ScoreShown, shown_result, shown_score
from oracle.gateway.rest.unsigned import CallShown, shown_calls
from oracle.gateway.services import Outside, Services
from oracle.gateway.staking import transactions_of
from oracle.intake.rows import Submission
from oracle.records.rows import ModelRow, RoundRow, Settlement

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets run."""


class ModelShown(BaseModel):
    """``id`` follows from the chain, the pool and the model's ``number`` there."""

    id: str
    tournament: int
    number: int
    name: str
    owner: str
    payout: str
    registered: str | None


class NewModelWish(BaseModel):
    """``payout``: where claims are paid; the owner by default."""

    name: str = Field(max_length=64)
    payout: str | None = Field(default=None, max_length=42)


class NewModelShown(BaseModel):
    """Send ``calls`` in order from the owner's wallet; keep ``salt`` until the last is through.
    ``fee`` is NMR."""

    name: str
    name_hash: str
    owner: str
    payout: str
    salt: str
    fee: str
    calls: list[CallShown]


class PayoutShown(BaseModel):
    """What a round did to a model's stake, in NMR: ``payout`` is negative for a burn; ``taken`` of
    it became claimable, the rest is in the stake."""

    tournament: int
    round: int
    model: int
    name: str
    closed: str | None
    settled: str | None
    stake: str
    payout: str
    taken: str


class SubmissionShown(BaseModel):
    """``status``: accepted, refused, queued, sending or partial; ``reason`` why. ``selected``: the
    one that counts. ``late`` ones are scored without stake. ``receipts``: the operators', JSON as
    text."""

    id: str
    round: int
    filename: str
    sha256: str
    status: str
    reason: str
    late: bool
    queued_from: int | None
    selected: bool
    inserted: str | None
    receipts: str


def router(services: Services) -> APIRouter:
    """Routes below ``/v1``."""
    routes = APIRouter(prefix="/v1", tags=["models"], responses=ERRORS)
    call, results = services.call, services.results

    @routes.get("/tournaments/{tournament}/models")
    async def models(
        request: Request,
        tournament: TournamentNumber,
        name: Annotated[str | None, Query(max_length=64, pattern=r"^[^\x00]*$")] = None,
        owner: Annotated[str | None, Query(max_length=42)] = None,
        cursor: Cursor = None,
        limit: Limit = 100,
    ) -> Page[ModelShown]:
        """In order of their numbers; of one ``name``, or of one ``owner``."""
        await asked(services, request)
        served = services.tournament(tournament)
        first, following = 0 if cursor is None else cursor + 1, None
        if name is not None:
            found: Sequence[ModelRow] = await call(services.models.by_name, served.number, [name])
        elif owner is not None:
            every = await call(services.models.of_owner, [_address(owner)], served.number)
            left = [row for row in every if row.model >= first]
            found, following = cut(left, limit, lambda row: row.model)
        else:
            numbers = range(first, first + limit + 1)
            left = await call(services.models.by_id, served.number, numbers)
            found, following = cut(left, limit, lambda row: row.model)
        now = served.now()
        return Page(items=[shown_model(row, now) for row in found], next=following)

    @routes.post("/tournaments/{tournament}/models", status_code=201)
    async def create(
        request: Request, tournament: TournamentNumber, wish: NewModelWish
    ) -> NewModelShown:
        """The transactions that make a model of the caller's; its name is kept here."""
        caller = await asked(services, request)
        account = caller.require(Scope.EDIT_PROFILE)
        asks = (services, account.address, tournament, wish.name, wish.payout)
        return await services.outside(Outside.ASKING, new_model, *asks)

    @routes.get("/account/models")
    async def own(request: Request) -> list[ModelShown]:
        """The caller's, of all tournaments."""
        caller = await asked(services, request)
        account = caller.require(Scope.READ_USER_INFO)
        services.require_whole()
        found = await call(services.models.of_owner, [account.address])
        return [
            shown_model(row, services.tournament(row.tournament).now())
            for row in found
            if row.tournament in services.tournaments
        ]

    @routes.get("/account/payouts.csv", response_class=Response)
    async def own_payouts(request: Request) -> Response:
        """Every payout and burn of the caller's models, as CSV."""
        caller = await asked(services, request)
        account = caller.require(Scope.READ_USER_INFO)
        services.require_whole()
        found = await call(services.models.of_owner, [account.address])
        return _csv(await call(payouts_of, services, found))

    @routes.get("/models/{model_id}")
    async def one_model(request: Request, model_id: ModelId) -> ModelShown:
        await asked(services, request)
        row = await model_of(services, model_id)
        return shown_model(row, services.tournament(row.tournament).now())

    @routes.get("/models/{model_id}/scores")
    async def scores(
        request: Request, model_id: ModelId, cursor: Cursor = None, limit: Limit = 100
    ) -> Page[ScoreShown]:
        """Final scores, the newest round first; ``limit`` is of rounds."""
        await asked(services, request)
        row = await model_of(services, model_id)
        found = await call(results.scores, row.tournament, models=[row.model])
        kept, following = _newest([one.round for one in found], cursor, limit)
        shown = [shown_score(one) for one in found if one.round in kept]
        return Page(items=sorted(shown, key=lambda s: -s.round), next=following)

    @routes.get("/models/{model_id}/results")
    async def model_results(
        request: Request, model_id: ModelId, cursor: Cursor = None, limit: Limit = 100
    ) -> Page[ResultShown]:
        """What became of its submissions, the newest round first."""
        await asked(services, request)
        row = await model_of(services, model_id)
        found = await call(results.list, row.tournament, models=[row.model])
        kept, following = _newest([one.round for one in found], cursor, limit)
        shown = [shown_result(one) for one in found if one.round in kept]
        return Page(items=shown[::-1], next=following)

    @routes.get("/models/{model_id}/payouts")
    async def payouts(
        request: Request, model_id: ModelId, cursor: Cursor = None, limit: Limit = 100
    ) -> Page[PayoutShown]:
        """The newest round first."""
        await asked(services, request)
        row = await model_of(services, model_id)
        found = await call(payouts_of, services, [row])
        kept, following = _newest([one.round for one in found], cursor, limit)
        return Page(items=[one for one in found if one.round in kept], next=following)

    @routes.get("/models/{model_id}/payouts.csv", response_class=Response)
    async def payouts_csv(request: Request, model_id: ModelId) -> Response:
        await asked(services, request)
        row = await model_of(services, model_id)
        return _csv(await call(payouts_of, services, [row]))

    @routes.get("/models/{model_id}/submissions")
    async def submissions(request: Request, model_id: ModelId) -> list[SubmissionShown]:
        """What was sent for a model of the caller's through this server, the newest first, and why
        it was refused."""
        caller = await asked(services, request)
        row = await own_model(services, caller, model_id, Scope.READ_SUBMISSION_INFO)
        intake = services.part(intake_of)
        return [shown_submission(one) for one in await call(intake.submissions, caller, [row])]

    return routes


def new_model(
    services: Services, owner: str, tournament: int, name: str, payout: str | None
) -> NewModelShown:
    """Blocks. Raises ``InputError`` for what is no name, ``RefusedError`` for one that is taken,
    ``TooManyError`` where the owner said many."""
    served = services.tournament(tournament).number
    services.accounts.rates.count("name", owner)
    name_hash = services.models.say(name)
    made = services.part(transactions_of)[served].register(owner, name, payout)
    assert made.name_hash == name_hash
    return NewModelShown(
        name=name,
        name_hash="0x" + name_hash.hex(),
        owner=owner,
        payout=made.payout,
        salt="0x" + made.salt.hex(),
        fee=amount(made.fee // 10**9) or "0",
        calls=shown_calls(made.calls),
    )


def payouts_of(services: Services, models: Sequence[ModelRow]) -> list[PayoutShown]:
    """All that rounds did to these models, the newest first. Blocks."""
    found: list[tuple[RoundRow | None, ModelRow, Settlement]] = []
    served = {row.tournament for row in models} & set(services.tournaments)
    for tournament in sorted(served):
        named = {row.model: row for row in models if row.tournament == tournament}
        settled = services.stakes.settlements(tournament, models=list(named))
        numbers = {one.round for one in settled}
        rounds = {r.number: r for r in services.rounds.list(tournament, numbers=numbers)}
        found += [(rounds.get(one.round), named[one.model], one) for one in settled]
    shown = [_payout(*one) for one in found]
    return sorted(shown, key=lambda one: (one.tournament, -one.round, one.model))


def _payout(row: RoundRow | None, model: ModelRow, settled: Settlement) -> PayoutShown:
    return PayoutShown(
        tournament=model.tournament,
        round=settled.round,
        model=model.model,
        name=model.name,
        closed=iso(row.closes if row else None),
        settled=iso(row.ended_at if row else None),
        stake=amount(settled.stake) or "0",
        payout=amount(settled.change) or "0",
        taken=amount(settled.taken) or "0",
    )


def _csv(rows: Iterable[PayoutShown]) -> Response:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = list(PayoutShown.model_fields)
    writer.writerow(names)
    for row in rows:
        values: dict[str, Any] = {**row.model_dump(), "name": _tame(row.name)}
        writer.writerow([values[name] for name in names])
    headers = {"Content-Disposition": 'attachment; filename="payouts.csv"'}
    return Response(text.getvalue(), media_type="text/csv", headers=headers)


def _tame(name: str) -> str:
    """A name as no spreadsheet takes it for a formula."""
    return "'" + name if name.startswith(_FORMULA) else name


def _newest(
    numbers: Iterable[int], cursor: int | None, limit: int
) -> tuple[frozenset[int], int | None]:
    """Of rounds, the newest before the cursor, and the cursor for those after them."""
    left = sorted({n for n in numbers if cursor is None or n < cursor}, reverse=True)
    page, following = cut(left, limit, lambda number: number)
    return frozenset(page), following


def shown_model(row: ModelRow, now: int) -> ModelShown:
    return ModelShown(
        id=row.uuid,
        tournament=row.tournament,
        number=row.model,
        name=row.name,
        owner=row.owner,
        payout=row.payout_at(now),
        registered=iso(row.registered_at),
    )


def shown_submission(row: Submission) -> SubmissionShown:
    return SubmissionShown(
        id=row.id,
        round=row.round,
        filename=row.filename,
        sha256="0x" + row.sha256.hex(),
        status=row.status,
        reason=row.reason,
        late=row.late,
        queued_from=row.queued_from,
        selected=row.selected,
        inserted=iso(row.inserted_at),
        receipts=row.receipts,
    )


def _address(text: str) -> str:
    if not is_address(text):
        raise InputError(f"{text!r} is no address", "0x and 40 hex digits")
    return str(to_checksum_address(text))

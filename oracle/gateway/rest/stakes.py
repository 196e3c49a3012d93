"""Routes of stakes: what a model has, transactions to sign, and changes by mandate."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from oracle.accounts.caller import Scope
from oracle.chain.signed import SignedMandate
from oracle.errors import InputError
from oracle.gateway.forms import amount, iso
from oracle.gateway.rest.common import (
    ERRORS,
    ModelId,
    TournamentNumber,
    asked,
    model_of,
    nmr_units,
    own_model,
)
from oracle.gateway.rest.unsigned import CallShown, shown_calls
from oracle.gateway.services import Outside, Services
from oracle.gateway.staking import staking_of, transactions_of
from oracle.records.rows import ModelRow
from oracle.records.rows import Request as Waiting
from oracle.settlement.intents import ALL_WEI, StakeAction, StakeMandate
from oracle.settlement.to_sign import to_sign
from oracle.settlement.units import RELEASE_ALL, WEI_PER_UNIT, nmr
from oracle.staking.relaying import MOST_MODELS
from oracle.staking.rows import Relayed, StoredMandate
from oracle.staking.transactions import Transactions

_MODES = {0: None, 1: "compound", 2: "take-profit"}
_Amount = Annotated[str, Field(max_length=40, description="NMR, as in 2.5")]


class WaitingShown(BaseModel):
    """A request that acts at its round's close; ``release`` is an amount of NMR, or ``all``."""

    round: int
    deposit: str
    release: str
    mode: str | None


class StakeShown(BaseModel):
    """NMR as of the newest finalized block; ``claimable`` is paid by ``claim``."""

    stake: str
    take_profit: bool
    claimable: str
    waiting: list[WaitingShown]


class Wish(BaseModel):
    """``amount`` in NMR: for a deposit, and for a release that is not of everything."""

    action: Literal["deposit", "release", "mode", "claim", "payout"]
    amount: _Amount | None = None
    mode: Literal["compound", "take-profit"] | None = None
    payout: str | None = Field(default=None, max_length=42)


class IntentWish(BaseModel):
    """A request to be signed and sent by somebody else, within ``hours``."""

    action: Literal["deposit", "release", "mode"]
    amount: _Amount | None = None
    mode: Literal["compound", "take-profit"] | None = None
    hours: int = Field(default=24, ge=1, le=8_760)


class ToSign(BaseModel):
    """``typed_data``: what ``eth_signTypedData_v4`` takes; ``relay``: the contract that takes the
    signed struct."""

    relay: str
    typed_data: dict[str, Any]


class MandateShown(BaseModel):
    """Amounts in NMR; ``max_release`` null: without a bound. What was used of it, and whether it
    was revoked, is the chain's word."""

    hash: str
    relayer: str
    models: list[int]
    max_deposit: str
    max_release: str | None
    deposited: str
    released: str
    expires: str | None
    revoked: bool


class MandateToSign(BaseModel):
    """``unsigned``: what to send back with ``signature``, by PUT; ``approve``: transactions that
    let the pool take what may be deposited."""

    typed_data: dict[str, Any]
    unsigned: dict[str, Any]
    approve: list[CallShown]


class ChangeWish(BaseModel):
    """``amount`` in NMR; without it a decrease is of everything."""

    action: Literal["increase", "decrease"]
    amount: _Amount | None = None


class ChangeShown(BaseModel):
    """A request that was sent by mandate: ``round`` is the one that it joins; ``status`` is
    pending, mined, final or failed."""

    id: str
    action: str
    amount: str | None
    round: int | None
    transaction: str | None
    status: str
    requested: str | None


def router(services: Services) -> APIRouter:
    """Routes below ``/v1``."""
    routes = APIRouter(prefix="/v1", tags=["stakes"], responses=ERRORS)
    call, staking = services.call, services.part(staking_of)
    ask = partial(services.outside, Outside.ASKING)

    def transactions(model: ModelRow) -> Transactions:
        return services.part(transactions_of)[model.tournament]

    @routes.get("/models/{model_id}/stake")
    async def stake(request: Request, model_id: ModelId) -> StakeShown:
        await asked(services, request)
        row = await model_of(services, model_id)
        found = await call(services.stakes.positions, row.tournament, [row.model])
        waiting = await call(services.stakes.waiting, row.tournament, [row.model])
        position = found.get(row.model)
        return StakeShown(
            stake=nmr(position.stake if position else 0),
            take_profit=position is not None and position.take_profit,
            claimable=nmr(position.claimable if position else 0),
            waiting=[_waiting(one) for one in waiting],
        )

    @routes.post("/models/{model_id}/transactions")
    async def unsigned(request: Request, model_id: ModelId, wish: Wish) -> list[CallShown]:
        """Transactions for the owner's wallet to sign and send, in order. A deposit or release
        joins the round that is open now."""
        await asked(services, request)
        row = await model_of(services, model_id)
        return shown_calls(await ask(_calls, transactions(row), row, wish))

    @routes.post("/models/{model_id}/intents")
    async def intent(request: Request, model_id: ModelId, wish: IntentWish) -> ToSign:
        """One request for the owner to sign, good for the round that is open now and until the
        owner does something else; anybody may send it to the relay then."""
        await asked(services, request)
        row = await model_of(services, model_id)
        made = transactions(row)
        units = None if wish.amount is None else nmr_units(wish.amount)
        kind = StakeAction[wish.action.upper()]
        found = await ask(made.intent, row.model, kind, units, wish.mode, wish.hours)
        relay = made.desk.reader.addresses.relay
        return ToSign(relay=relay, typed_data=to_sign(found, made.desk.domain))

    @routes.get("/models/{model_id}/changes")
    async def changes(request: Request, model_id: ModelId) -> list[ChangeShown]:
        """What was sent by mandate for a model of the caller's, the newest first."""
        caller = await asked(services, request)
        row = await own_model(services, caller, model_id, Scope.READ_USER_INFO)
        found = await call(staking.requests.of_model, row.tournament, row.model)
        return [_change(one) for one in found]

    @routes.post("/models/{model_id}/changes", status_code=201)
    async def change(request: Request, model_id: ModelId, wish: ChangeWish) -> ChangeShown:
        """Changes the stake by the owner's mandate; where there is none, the error says where to
        sign it."""
        caller = await asked(services, request)
        row = await own_model(services, caller, model_id, Scope.STAKE)
        units = None if wish.amount is None else nmr_units(wish.amount)
        asks = (caller, row.tournament, row, units, wish.action)
        return _change(await services.outside(Outside.RELAYING, staking.change, *asks))

    @routes.get("/tournaments/{tournament}/mandates")
    async def mandates(request: Request, tournament: TournamentNumber) -> list[MandateShown]:
        """What the caller allowed this server, and what was used of it."""
        caller = await asked(services, request)
        account = caller.require(Scope.READ_USER_INFO)
        return await ask(_mandates, services, tournament, account.address)

    @routes.get("/tournaments/{tournament}/mandate-to-sign")
    async def wanted(
        request: Request,
        tournament: TournamentNumber,
        max_deposit: Annotated[str, Query(max_length=40)] = "0",
        max_release: Annotated[str | None, Query(max_length=40)] = None,
        days: Annotated[int, Query(ge=1, le=3_650)] = 365,
        models: Annotated[list[int] | None, Query(max_length=64)] = None,
        model: Annotated[int | None, Query(ge=0, lt=2**20)] = None,
    ) -> MandateToSign:
        """A mandate for this server's relayer: deposits up to ``max_deposit`` NMR, releases up to
        ``max_release`` or without a bound; for these ``models``, or for all the caller's, of whom a
        mandate holds 64: ``model`` and the first others."""
        caller = await asked(services, request)
        owner = caller.require(Scope.READ_USER_INFO).address
        served = services.tournament(tournament).number
        services.tournament(tournament).require_whole()
        mine = [row.model for row in await call(services.models.of_owner, [owner], served)]
        if models is not None and not set(models) <= set(mine):
            raise InputError("not all of these models are yours")
        most = nmr_units(max_deposit)
        found = await ask(
            staking.wanted,
            caller,
            served,
            models if models is not None else named(mine, model),
            most,
            days,
            None if max_release is None else nmr_units(max_release),
        )
        made = services.part(transactions_of)[served]
        pool = made.desk.reader.addresses.pool
        approve = await ask(made.approve, owner, pool, most * WEI_PER_UNIT)
        return MandateToSign(
            typed_data=to_sign(found, made.desk.domain),
            unsigned=_form(found, made),
            approve=shown_calls(approve),
        )

    @routes.put("/tournaments/{tournament}/mandates", status_code=201)
    async def store(
        request: Request, tournament: TournamentNumber, signed: SignedMandate
    ) -> MandateShown:
        """Keeps a mandate that the caller's wallet signed, in the form that ``assay mandate give``
        writes. Its owner ends it on the chain, at once."""
        caller = await asked(services, request)
        caller.require(Scope.STAKE)
        kept = await ask(staking.store_mandate, caller, tournament, signed)
        return await ask(_mandate, services, kept)

    @routes.post("/tournaments/{tournament}/mandates/{hash}/revocation")
    async def revocation(
        request: Request, tournament: TournamentNumber, hash: str
    ) -> list[CallShown]:
        """The transaction by which its owner ends a mandate."""
        await asked(services, request)
        served = services.tournament(tournament).number
        try:
            hashed = bytes.fromhex(hash.removeprefix("0x"))
        except ValueError:
            hashed = b""
        if len(hashed) != 32:
            raise InputError(f"{hash[:70]!a} is no hash of a mandate", "0x and 64 hex digits")
        return shown_calls(services.part(transactions_of)[served].revoke_mandate(hashed))

    return routes


def named(mine: Sequence[int], model: int | None) -> list[int]:
    """As many of an owner's models as a mandate holds, ``model`` among them if it is his."""
    return sorted(mine, key=lambda number: (number != model, number))[:MOST_MODELS]


def _calls(made: Transactions, row: ModelRow, wish: Wish) -> Any:
    units = None if wish.amount is None else nmr_units(wish.amount)
    match wish.action:
        case "deposit":
            if units is None:
                raise InputError("a deposit needs an amount")
            return made.deposit(row.model, row.owner, units)
        case "release":
            return made.release(row.model, units)
        case "mode":
            return made.mode(row.model, wish.mode or "")
        case "payout":
            return made.set_payout(row.model, wish.payout or "")
        case _:
            return made.claim(row.model)


def _mandates(services: Services, tournament: int, owner: str) -> list[MandateShown]:
    served = services.tournament(tournament).number
    given = services.part(staking_of).mandates.of(served, owner)
    return [_mandate(services, stored) for stored in given]


def _mandate(services: Services, stored: StoredMandate) -> MandateShown:
    mandate = stored.mandate
    reader = services.tournament(stored.tournament).ledger.reader
    used = reader.mandate_use(mandate.owner, stored.hash)
    is_bounded = mandate.max_release != ALL_WEI
    return MandateShown(
        hash="0x" + stored.hash.hex(),
        relayer=mandate.relayer,
        models=list(mandate.models),
        max_deposit=_nmr(mandate.max_deposit),
        max_release=_nmr(mandate.max_release) if is_bounded else None,
        deposited=_nmr(used["deposited"]),
        released=_nmr(used["released"]),
        expires=iso(min(mandate.expiry, 2**37)),
        revoked=used["revoked"],
    )


def _form(mandate: StakeMandate, made: Transactions) -> dict[str, Any]:
    """A ``SignedMandate`` without its signature."""
    where = made.desk.reader.addresses
    shown = {name: getattr(mandate, name) for name in StakeMandate.fields}
    numbers = {name: str(shown[name]) for name in ("max_deposit", "max_release", "salt")}
    return {
        "chain_id": where.chain_id,
        "relay": where.relay,
        "mandate": {**shown, **numbers, "models": list(mandate.models)},
    }


def _waiting(row: Waiting) -> WaitingShown:
    return WaitingShown(
        round=row.round,
        deposit=nmr(row.deposit),
        release="all" if row.release == RELEASE_ALL else nmr(row.release),
        mode=_MODES.get(row.mode),
    )


def _change(row: Relayed) -> ChangeShown:
    return ChangeShown(
        id=row.id,
        action=row.action,
        amount=amount(row.amount),
        round=row.round,
        transaction=row.tx,
        status=row.status,
        requested=iso(row.requested_at),
    )


def _nmr(wei: int) -> str:
    return nmr(wei // WEI_PER_UNIT)

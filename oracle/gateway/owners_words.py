"""Owners let the server's key sign their submissions: what to sign, and the signature back."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from oracle.accounts.caller import Scope
from oracle.gateway.intaking import intake_of
from oracle.gateway.rest.common import ERRORS, TournamentNumber
from oracle.gateway.services import Services
from oracle.intake.permits import USUAL_ROUNDS
from oracle.settlement.submitters import MOST_ROUNDS, SubmissionKey


class KeyShown(BaseModel):
    """A key that may sign for rounds ``first_round`` to ``last_round``, both included."""

    key: str
    first_round: int
    last_round: int


class ToSign(BaseModel):
    """``typed_data``: what ``eth_signTypedData_v4`` takes. ``allowed``: what is stored already."""

    wanted: KeyShown
    typed_data: dict[str, Any]
    allowed: list[KeyShown]


class SignedKey(BaseModel):
    first_round: int = Field(ge=0, lt=2**32)
    last_round: int = Field(ge=0, lt=2**32)
    signature: str = Field(pattern=r"^0x[0-9a-fA-F]{130}$")


def router(services: Services) -> APIRouter:
    """Routes below ``/v1/tournaments/<number>``."""
    routes = APIRouter(prefix="/v1/tournaments", tags=["submissions"], responses=ERRORS)
    permits = services.part(intake_of).permits

    @routes.get("/{tournament}/submission-key")
    async def to_sign(
        request: Request,
        tournament: TournamentNumber,
        rounds: Annotated[int, Query(ge=1, le=MOST_ROUNDS)] = USUAL_ROUNDS,
    ) -> ToSign:
        """What a model's owner signs once, so that the server may send submissions for him."""
        caller = await services.caller(request)
        account = caller.require(Scope.READ_USER_INFO)
        services.tournament(tournament).require_whole()
        wanted = await services.call(permits.wanted, tournament, rounds)
        allowed = await services.call(permits.of, tournament, account.address)
        return ToSign(
            wanted=_shown(wanted),
            typed_data=permits.unsigned(tournament, wanted),
            allowed=[_shown(key) for key in allowed],
        )

    @routes.put("/{tournament}/submission-key", status_code=201)
    async def store(request: Request, tournament: TournamentNumber, signed: SignedKey) -> KeyShown:
        """Keeps what the owner signed; for whichever models are his."""
        caller = await services.caller(request)
        caller.require(Scope.UPLOAD_SUBMISSION)
        mine = await services.call(permits.key, tournament)
        key = SubmissionKey(mine, signed.first_round, signed.last_round)
        signature = bytes.fromhex(signed.signature[2:])
        await services.call(permits.store, caller, tournament, key, signature)
        return _shown(key)

    return routes


def _shown(key: SubmissionKey) -> KeyShown:
    return KeyShown(key=key.key, first_round=key.first_round, last_round=key.last_round)

"""Routes of operators: who signs, whether they answer, and whose signatures a commit has."""

from fastapi import APIRouter, Request
from pydantic import BaseModel

from oracle.errors import RefusedError
from oracle.gateway.forms import iso
from oracle.gateway.rest.common import ERRORS, RoundNumber, TournamentNumber, asked, round_of
from oracle.gateway.roster import Looks, Operator, Roster, rosters_of
from oracle.gateway.services import Services


class OperatorShown(BaseModel):
    """``commits``: the newest ones that it could have signed, of which ``signed`` have its
    signature; a commit needs only some. ``url`` to ``last_answer``: as this server saw it, since
    ``asked_since``; null where it knows no address. ``convicted``: revoked because it signed two
    results."""

    address: str
    index: int
    first_epoch: int
    last_epoch: int | None
    is_member: bool
    commits: int
    signed: int
    revoked: str | None
    convicted: bool
    suspended_until: str | None
    url: str | None
    answers: bool | None
    asked: int
    answered: int
    asked_since: str | None
    last_answer: str | None


class OperatorsShown(BaseModel):
    """``threshold`` must sign a commit, ``super_quorum`` the answer to a challenge (0: nobody can
    answer). ``silent``: addresses of the configuration that no operator answered from yet."""

    epoch: int
    threshold: int
    super_quorum: int
    operators: list[OperatorShown]
    silent: list[str]


class SignerShown(BaseModel):
    address: str
    signed: bool


class SignersShown(BaseModel):
    """``replaced``: these signed the answer to a challenge, which took the commit's place."""

    round: int
    epoch: int
    replaced: bool
    signers: list[SignerShown]


def router(services: Services) -> APIRouter:
    """Routes below ``/v1/tournaments``."""
    routes = APIRouter(prefix="/v1/tournaments", tags=["operators"], responses=ERRORS)
    rosters = services.part(rosters_of)

    @routes.get("/{tournament}/operators")
    async def operators(request: Request, tournament: TournamentNumber) -> OperatorsShown:
        """Every operator there ever was, in the order of their registration."""
        await asked(services, request)
        roster = rosters[services.tournament(tournament).number]
        rules = roster.rules
        if rules is None:
            raise RefusedError("the operators were not read yet", "ask again in some seconds")
        by_operator = {one.operator: one for one in roster.looks.values() if one.operator}
        now = services.tournament(tournament).now()
        return OperatorsShown(
            epoch=rules.epoch,
            threshold=rules.threshold,
            super_quorum=rules.super_quorum,
            operators=[
                _operator(roster, one, by_operator.get(one.address), now)
                for one in roster.operators
            ],
            silent=[one.url for one in roster.looks.values() if one.operator is None],
        )

    @routes.get("/{tournament}/rounds/{number}/signers")
    async def signers(
        request: Request, tournament: TournamentNumber, number: RoundNumber
    ) -> SignersShown:
        """Whose signatures the chain counted under the round's result."""
        await asked(services, request)
        await round_of(services, tournament, number)
        roster = rosters[tournament]
        found = roster.signed.get(number)
        if found is None:
            raise RefusedError(f"round {number} has no committed result that is final on its chain")
        return SignersShown(
            round=number,
            epoch=found.epoch,
            replaced=found.is_answer,
            signers=[
                SignerShown(address=one.address, signed=bool(found.mask >> one.index & 1))
                for one in roster.members(found.epoch)
            ],
        )

    return routes


def _operator(roster: Roster, one: Operator, seen: Looks | None, now: int) -> OperatorShown:
    commits, signed = roster.counted(one)
    is_suspended = one.suspended_until is not None and one.suspended_until > now
    return OperatorShown(
        address=one.address,
        index=one.index,
        first_epoch=one.first_epoch,
        last_epoch=one.last_epoch,
        is_member=one.last_epoch is None and one.revoked is None,
        commits=commits,
        signed=signed,
        revoked=iso(one.revoked),
        convicted=one.is_convicted,
        suspended_until=iso(one.suspended_until) if is_suspended else None,
        url=seen.url if seen else None,
        answers=seen.answers if seen else None,
        asked=seen.asked if seen else 0,
        answered=seen.answered if seen else 0,
        asked_since=iso(int(seen.began)) if seen else None,
        last_answer=iso(int(seen.last)) if seen and seen.last else None,
    )

"""Staking by the round, answered from the chain: one position a model, its owner stakes, and what
is claimed is what was released or taken as profit."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar, cast

import strawberry

from oracle.accounts.caller import Scope
from oracle.errors import InputError
from oracle.gateway.graphql.context import CLASSIC, Context, Info
from oracle.gateway.graphql.ids import round_of
from oracle.gateway.graphql.staking import staked_units
from oracle.gateway.services import Outside

_T = TypeVar("_T")


@strawberry.type
class V3StakeConfig:
    """Contracts of a tournament. ``authorization_signer``: empty, for the contract itself checks
    who may stake."""

    address: str
    authorization_signer: str | None
    nmr_address: str
    owner: str | None
    paused: bool
    pending_owner: str | None
    service_wallet: str | None
    tournament_id: str


@strawberry.type
class V3StakeRound:
    round_id: str
    tournament_id: str
    state: str
    resolved: bool
    open_time: str | None
    close_time: str | None
    resolve_time: str | None
    payout_factor: str | None
    stake_cap: str | None
    stake_threshold: str | None
    total_staked: str | None
    total_payout: str | None
    remaining_payout: str | None
    remaining_burn: str | None
    merkle_root: str | None


@strawberry.type
class V3StakeAuth:
    """What is needed for a deposit into the round of a submission. ``signature``: empty, until the
    owner signs ``authorization_digest``."""

    authorization_signer: str | None
    authorization_digest: str
    chain_id: str
    deadline: str
    max_amount: str
    model_id: str
    nmr_address: str
    nonce: str
    round_id: str
    signature: str | None
    staker: str
    staking_address: str
    submission_id: str
    submission_hash: str
    tournament_id: str


@strawberry.type
class V3StakeClaim:
    """What a round did to a model, with its evidence: ``merkle_root`` is the committed batch
    chain, ``proof`` leads from the model's score word to it."""

    api_model_id: str
    model_id: str
    round_id: str
    tournament_id: str
    staker: str
    submission_id: str | None
    payout_amount_wei: str
    burn_amount_wei: str
    claimable_amount_wei: str
    merkle_root: str | None
    proof: list[str]


@strawberry.type
class V3Queries:
    @strawberry.field
    async def v3_stake_config(self, info: Info, tournament_id: str | None = None) -> V3StakeConfig:
        context = info.context
        context.require(Scope.WEB3_STAKING)
        found = await context.outside(
            Outside.ASKING, context.doors.v3.config, _tournament(context, tournament_id)
        )
        return _as(V3StakeConfig, found)

    @strawberry.field
    async def v3_stake_round(
        self, info: Info, round_id: str, tournament_id: str | None = None
    ) -> V3StakeRound:
        context = info.context
        context.require(Scope.WEB3_STAKING)
        number = _round(context, round_id, tournament_id)
        return _as(
            V3StakeRound, await context.outside(Outside.ASKING, context.doors.v3.round, *number)
        )

    @strawberry.field
    async def v3_stake_auth(
        self, info: Info, submission_id: strawberry.ID, staker: str, max_amount: str
    ) -> V3StakeAuth:
        context = info.context
        context.require(Scope.WEB3_STAKING)
        found = await context.outside(
            Outside.ASKING,
            context.doors.v3.auth,
            context.caller,
            submission_id,
            staker,
            staked_units(max_amount),
        )
        return _as(V3StakeAuth, found)

    @strawberry.field
    async def v3_stake_claim(
        self,
        info: Info,
        round_id: str,
        model_id: strawberry.ID,
        staker: str,
        tournament_id: str | None = None,
    ) -> V3StakeClaim:
        context = info.context
        context.require(Scope.WEB3_STAKING)
        model = await context.model(model_id)
        named = str(model.tournament) if tournament_id is None else tournament_id
        tournament, number = _round(context, round_id, named)
        if tournament != model.tournament:
            raise InputError(f"this model is in tournament {model.tournament}, not {tournament}")
        found = await context.outside(
            Outside.ASKING, context.doors.v3.claim, tournament, number, model, staker
        )
        return _as(V3StakeClaim, found)

    @strawberry.field
    async def v3_stake_claims(
        self, info: Info, staker: str, tournament_id: str | None = None
    ) -> list[V3StakeClaim]:
        context = info.context
        context.require(Scope.WEB3_STAKING)
        tournament = _tournament(context, tournament_id)
        found = await context.outside(Outside.ASKING, context.doors.v3.claims, tournament, staker)
        return [_as(V3StakeClaim, one) for one in found]


def _tournament(context: Context, text: str | None) -> int:
    """The tournament of this text; of None, the only one served, or the first of the three."""
    served = context.services.tournaments
    usual = next(iter(served)) if len(served) == 1 else CLASSIC
    if text is None:
        return context.tournament(usual)
    if not text.isdecimal() or len(text) > 4:
        raise InputError(f"{text[:40]!r} is no tournament", "give its number")
    return context.tournament(int(text))


def _round(context: Context, text: str, tournament: str | None) -> tuple[int, int]:
    number, found = round_of(text, _tournament(context, tournament))
    return context.tournament(number), found


def _as(kind: Callable[..., _T], found: object) -> _T:
    """An answer in the schema's form: the fields have the same names."""
    return kind(**{one.name: getattr(found, one.name) for one in fields(cast(Any, kind))})

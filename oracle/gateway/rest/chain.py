"""Where a tournament lives, and how far the tables follow its chain."""

from fastapi import APIRouter, Request
from pydantic import BaseModel

from oracle.gateway.forms import iso
from oracle.gateway.rest.common import ERRORS, TournamentNumber, asked
from oracle.gateway.services import Outside, Services, Tournament
from oracle.gateway.staking import desks_of
from oracle.settlement.units import nmr


class ContractsShown(BaseModel):
    pool: str
    oracle: str
    registry: str
    relay: str
    token: str
    burn_vault: str


class PoolShown(BaseModel):
    """NMR. ``owed_to_burn``: burned by rounds, not yet sent to the burn vault."""

    staked: str
    queued: str
    claimable: str
    vault: str
    owed_to_burn: str


class ChainShown(BaseModel):
    """``newest`` and ``finalized`` are blocks of the chain now, ``followed``: the tables' time.
    ``target``: the round that a stake action joins, null in a pool that is wound down."""

    chain_id: int
    contracts: ContractsShown
    relayer: str | None
    newest: int
    finalized: int
    time: str | None
    followed: str | None
    head: int
    last_announced: int
    target: int | None
    paused_until: str | None
    wound_down: bool
    pool: PoolShown


def router(services: Services) -> APIRouter:
    """Routes below ``/v1/tournaments``."""
    routes = APIRouter(prefix="/v1/tournaments", tags=["chain"], responses=ERRORS)

    @routes.get("/{tournament}/chain")
    async def chain(request: Request, tournament: TournamentNumber) -> ChainShown:
        """Contracts and state of a tournament, read from its chain now."""
        await asked(services, request)
        served = services.tournament(tournament)
        return await services.outside(Outside.ASKING, _chain, services, served)

    return routes


def _chain(services: Services, served: Tournament) -> ChainShown:
    reader = served.ledger.reader
    where, newest, finalized = reader.addresses, reader.newest(), reader.finalized()
    state, totals = reader.state(newest.number), reader.totals(newest.number)
    is_paused = state["paused_until"] > newest.timestamp
    return ChainShown(
        chain_id=where.chain_id,
        contracts=ContractsShown(
            pool=where.pool,
            oracle=where.oracle,
            registry=where.registry,
            relay=where.relay,
            token=where.token,
            burn_vault=where.burn_vault,
        ),
        relayer=services.part(desks_of)[served.number].relayer,
        newest=newest.number,
        finalized=finalized.number,
        time=iso(newest.timestamp),
        followed=iso(served.now()) if served.ledger.is_whole else None,
        head=state["head"],
        last_announced=state["last_announced"],
        target=None if state["wound_down"] else reader.target(newest.number),
        paused_until=iso(state["paused_until"]) if is_paused else None,
        wound_down=state["wound_down"],
        pool=PoolShown(
            staked=nmr(totals["staked"]),
            queued=nmr(totals["queued"]),
            claimable=nmr(totals["out"]),
            vault=nmr(totals["vault"]),
            owed_to_burn=nmr(totals["burn_owed"]),
        ),
    )

"""Where browsers find a tournament's chains, and proofs for what leaves over the bridge."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel

from oracle.bridge.record import BridgeRecord
from oracle.errors import InputError
from oracle.gateway.bridging import Exit, Exits, exits_of
from oracle.gateway.rest.common import ERRORS, TournamentNumber, asked, hexed
from oracle.gateway.services import Outside, Services
from oracle.gateway.staking import desks_of

TransactionHash = Annotated[str, Path(pattern=r"^0x[0-9a-fA-F]{64}$")]


class ChildChainShown(BaseModel):
    """The tournament's chain. The pool names its other contracts itself."""

    chain_id: int
    rpc: list[str]
    pool: str
    token: str


class RootChainShown(BaseModel):
    """The chain that NMR comes from, with the contracts a transfer goes through."""

    chain_id: int
    rpc: list[str]
    token: str
    root_chain_manager: str
    erc20_predicate: str
    state_sender: str
    checkpoint_manager: str


class BridgeShown(BaseModel):
    """``state_receiver``: where messages arrive on the tournament's chain; ``legacy_only``: a local
    bridge, which proves withdrawals of type-0 transactions alone."""

    root: RootChainShown
    state_receiver: str
    legacy_only: bool


class NetworksShown(BaseModel):
    """``rpc``: what this server tells browsers to ask; use another one to trust it less.
    ``relayer``: whom mandates are for; ``bridge`` is null where no root chain is configured."""

    tournament: int
    child: ChildChainShown
    relayer: str | None
    bridge: BridgeShown | None


class ExitShown(BaseModel):
    """A burn: ``wei`` NMR of ``account``. ``payload``: what the root chain's ``exit`` takes, from
    anybody; null once it was paid."""

    id: str
    log_index: int
    account: str
    wei: str
    payload: str | None


def router(services: Services) -> APIRouter:
    """Routes below ``/v1/tournaments``."""
    routes = APIRouter(prefix="/v1/tournaments", tags=["chain"], responses=ERRORS)
    services.part(exits_of)  # what is wrong with a record is said at the start

    @routes.get("/{tournament}/networks")
    async def networks(request: Request, tournament: TournamentNumber) -> NetworksShown:
        """Chains, endpoints for browsers, and contracts of a tournament and of its bridge."""
        await asked(services, request)
        return _networks(services, services.tournament(tournament).number)

    @routes.get("/{tournament}/bridge/exits/{transaction}")
    async def exits(
        request: Request, tournament: TournamentNumber, transaction: TransactionHash
    ) -> list[ExitShown]:
        """Proofs of what a transaction of the tournament's chain burned, once a checkpoint has its
        block. The root chain checks them: this server is trusted with nothing."""
        await asked(services, request)
        made = _bridge(services, services.tournament(tournament).number)
        return [_exit(one) for one in await services.outside(Outside.ASKING, made.of, transaction)]

    return routes


def _bridge(services: Services, tournament: int) -> Exits:
    found = services.part(exits_of).get(tournament)
    if found is None:
        raise InputError(f"this server knows no bridge of tournament {tournament}")
    return found


def _networks(services: Services, tournament: int) -> NetworksShown:
    one = services.tournament(tournament)
    where = one.ledger.reader.addresses
    made = services.part(exits_of).get(tournament)
    return NetworksShown(
        tournament=tournament,
        child=ChildChainShown(
            chain_id=where.chain_id,
            rpc=list(one.settings.public_rpc),
            pool=where.pool,
            token=where.token,
        ),
        relayer=services.part(desks_of)[tournament].relayer,
        bridge=None if made is None else _shown(made, made.record),
    )


def _shown(made: Exits, record: BridgeRecord) -> BridgeShown:
    root = record.root
    return BridgeShown(
        root=RootChainShown(
            chain_id=root.chain_id,
            rpc=list(made.settings.public_rpc),
            token=root.token,
            root_chain_manager=root.root_chain_manager,
            erc20_predicate=root.erc20_predicate,
            state_sender=root.state_sender,
            checkpoint_manager=root.checkpoint_manager,
        ),
        state_receiver=record.child.state_receiver,
        legacy_only=made.legacy_only,
    )


def _exit(one: Exit) -> ExitShown:
    return ExitShown(
        id="0x" + one.id.hex(),
        log_index=one.log_index,
        account=one.account,
        wei=str(one.wei),
        payload=hexed(one.payload),
    )

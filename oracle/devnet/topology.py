"""A devnet, declared: chains, tournament, operators, stakers, server (default:
``topology.toml``)."""

from collections.abc import Sequence
from decimal import Decimal
from importlib.resources import files
from itertools import islice
from pathlib import Path

from pydantic import Field

from oracle.chain.keys import DEV_ACCOUNTS, dev_account
from oracle.devnet.bridge_settings import BridgeSettings
from oracle.devnet.profile import (
    MAX_DELAY,
    MAX_TUNNEL_DELAY,
    REAL_CHAINS,
    Part,
    Roles,
    Rules,
    TimelockRoles,
    TunnelRoles,
    exact,
    read,
)
from oracle.errors import InputError
from oracle.settlement.units import UNITS_PER_NMR

DEPLOYER, ANNOUNCER = 0, 1
"""Development accounts of a devnet's deployer and announcer."""

SERVER_PORT = 40
"""The server's place among ports that were moved: behind any number of operators."""

_FEWEST_WITH_SUPER_QUORUM = 5
"""Of fewer, none can be more than the signatures and fewer than all."""
_LOWEST_PORT, _HIGHEST_PORT = 1024, 65535
_Port = Field(ge=_LOWEST_PORT, le=_HIGHEST_PORT)
_Account = Field(ge=0, lt=DEV_ACCOUNTS)


class RootChain(Part):
    """Where NMR is at home, as it is on Ethereum."""

    chain_id: int = Field(ge=1, lt=2**32)
    port: int = _Port


class Chain(Part):
    """The tournament's. ``rpc``: further addresses of it that operators use, besides the devnet's
    own."""

    chain_id: int = Field(ge=1, lt=2**32)
    port: int = _Port
    rpc: tuple[str, ...] = ()


class Vault(Part):
    nmr: Decimal


class Tournament(Rules):
    vault: Vault


class Governance(Part):
    """Development accounts of the guardian, who is the timelock's canceller too, and of its
    proposer; the timelock's delay in seconds."""

    guardian: int = Field(6, ge=0, lt=DEV_ACCOUNTS)
    proposer: int = Field(7, ge=0, lt=DEV_ACCOUNTS)
    delay: int = Field(7 * 86_400, ge=1, le=MAX_DELAY)


class Operator(Part):
    """``rpc``: the addresses by which it alone reaches the chain, instead of all others'."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    port: int = _Port
    account: int = _Account
    rpc: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Server(Part):
    """The tournament server; development accounts whose keys it has: one signs submissions, one
    sends what mandates allow."""

    port: int = _Port
    submitter: int = Field(60, ge=0, lt=DEV_ACCOUNTS)
    relayer: int = Field(61, ge=0, lt=DEV_ACCOUNTS)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Announce(Part):
    """Rounds that the first operator announces by itself: one every so many seconds, counted from
    1970, each announced ``ahead`` seconds before it opens, ``margin`` at the latest."""

    every: int = Field(ge=1)
    window: int = Field(ge=1)
    horizon: int = Field(ge=1)
    ahead: int = Field(ge=1)
    margin: int = Field(5, ge=0)


class Stakers(Part):
    """Development accounts, and what each one holds on each chain to begin with."""

    first_account: int = _Account
    count: int = Field(ge=1, le=200)
    nmr: Decimal

    @property
    def addresses(self) -> list[str]:
        accounts = range(self.first_account, self.first_account + self.count)
        return [dev_account(index).address for index in accounts]


class Topology(Part):
    """Everything a devnet is made of.

    Without ``root`` there is one chain and no bridge: whoever deploys there brings a token and
    says where burns go, as tests do that have no use for a second chain. Without ``server`` there
    is none.
    """

    chain: Chain
    root: RootChain | None = None
    bridge: BridgeSettings = BridgeSettings()
    tournament: Tournament
    governance: Governance = Governance()
    operators: tuple[Operator, ...] = Field(min_length=2, max_length=16)
    stakers: Stakers
    server: Server | None = None
    announce: Announce | None = None
    provider: int = Field(9, ge=0, lt=DEV_ACCOUNTS)
    """Development account that signs targets for the operators' vaults."""

    @property
    def rpc(self) -> str:
        return f"http://127.0.0.1:{self.chain.port}"

    @property
    def root_rpc(self) -> str:
        return f"http://127.0.0.1:{self.required_root().port}"

    def required_root(self) -> RootChain:
        """The root chain; raises InputError where there is none."""
        if self.root is None:
            raise InputError(
                "this topology has one chain only, and NMR comes over a bridge from another one",
                "declare [root], as oracle/devnet/topology.toml does",
            )
        return self.root

    def required_server(self) -> Server:
        """The server; raises InputError where there is none."""
        if self.server is None:
            raise InputError(
                "this topology has no tournament server",
                "declare [server], as oracle/devnet/topology.toml does",
            )
        return self.server

    @property
    def server_accounts(self) -> tuple[int, ...]:
        return (self.server.submitter, self.server.relayer) if self.server else ()

    def urls(self, operator: Operator) -> tuple[str, ...]:
        """The addresses by which an operator reaches the chain."""
        return operator.rpc or (self.rpc, *self.chain.rpc)

    def roles(self, token: str | None = None, burn_vault: str | None = None) -> Roles:
        """Who runs the tournament, by address; ``token`` and ``burn_vault`` are on its chain."""
        guardian = dev_account(self.governance.guardian).address
        proposer = dev_account(self.governance.proposer).address
        delay = min(self.governance.delay, MAX_TUNNEL_DELAY)
        tunnel = TunnelRoles(governor=proposer, delay=delay)
        return Roles(
            chain_id=self.chain.chain_id,
            token=token,
            burn_vault=burn_vault,
            announcer=dev_account(ANNOUNCER).address,
            guardian=guardian,
            operators=tuple(dev_account(o.account).address for o in self.operators),
            tunnel=tunnel if self.root else None,
            timelock=TimelockRoles(
                proposer=proposer,
                canceller=guardian,
                delay=self.governance.delay,
            ),
        )

    def with_operators(self, count: int) -> "Topology":
        """The same with so many operators, of whom more than half sign, and one more answers a
        challenge where there are enough for that."""
        first, accounts = self.operators[0], [o.account for o in self.operators]
        free = self.stakers.first_account + self.stakers.count
        taken = {*self.bridge.accounts, *self.server_accounts}
        spare = (i for i in range(free, DEV_ACCOUNTS) if i not in taken)
        accounts += islice(spare, max(0, count - len(accounts)))
        signatures = count // 2 + 1
        super_quorum = signatures + 1 if count >= _FEWEST_WITH_SUPER_QUORUM else 0
        operators = tuple(
            Operator(name=f"operator-{i + 1}", port=first.port + i, account=accounts[i])
            for i in range(count)
        )
        rules = {"signatures": signatures, "super_quorum": super_quorum}
        return self.model_copy(
            update={
                "operators": operators,
                "tournament": self.tournament.model_copy(update=rules),
            }
        )

    def moved(self, base_port: int) -> "Topology":
        """The same with all ports from ``base_port`` on: chain, operators, root chain; the
        server's is 40 more."""
        behind = base_port + 1 + len(self.operators)
        last = base_port + SERVER_PORT if self.server else behind - (self.root is None)
        if base_port < _LOWEST_PORT or last > _HIGHEST_PORT:
            raise InputError(
                f"ports {base_port} to {last} are not within {_LOWEST_PORT} to {_HIGHEST_PORT}",
                "pass another --base-port",
            )
        operators = tuple(
            o.model_copy(update={"port": base_port + 1 + i}) for i, o in enumerate(self.operators)
        )
        root = self.root and self.root.model_copy(update={"port": behind})
        chain = self.chain.model_copy(update={"port": base_port})
        moved = {"port": base_port + SERVER_PORT}
        server = self.server and self.server.model_copy(update=moved)
        update = {"chain": chain, "root": root, "operators": operators, "server": server}
        return self.model_copy(update=update)

    def on_one_chain(self) -> "Topology":
        """The same without root chain, bridge and server."""
        return self.model_copy(update={"root": None, "server": None})


def load(path: Path | None = None) -> Topology:
    """The topology in ``path``, or the default one."""
    source = path or files("oracle.devnet").joinpath("topology.toml")
    topology = read(source, Topology)
    try:
        _check(topology)
    except InputError as error:
        raise InputError(f"{source}: {error.message}", error.fix) from None
    return topology


def _check(topology: Topology) -> None:
    """What no single field shows; the contracts would refuse most of it only later."""
    chains = [topology.chain, *([topology.root] if topology.root else [])]
    for chain in chains:
        if chain.chain_id in REAL_CHAINS:
            raise InputError(
                f"chain id {chain.chain_id} belongs to a real network",
                "choose a private one, such as 731371: devnet keys are known to everyone",
            )
    _require_once("chain id", [chain.chain_id for chain in chains])
    operators = topology.operators
    topology.tournament.check(len(operators))
    _require_once("operators: name", [o.name for o in operators])
    served = [topology.server] if topology.server else []
    listening = [*chains, *operators, *served]
    _require_once("port", [each.port for each in listening])
    _check_accounts(topology)
    exact(topology.tournament.vault.nmr, UNITS_PER_NMR, "tournament.vault.nmr")
    exact(topology.stakers.nmr, UNITS_PER_NMR, "stakers.nmr")


def _check_accounts(topology: Topology) -> None:
    governance, stakers, bridge = topology.governance, topology.stakers, topology.bridge.accounts
    people = [DEPLOYER, ANNOUNCER, governance.guardian, governance.proposer, topology.provider]
    people += [operator.account for operator in topology.operators]
    _require_once("governance, operators: account", people)
    people += topology.server_accounts
    _require_once("server: account", people)
    holders = range(stakers.first_account, stakers.first_account + stakers.count)
    if holders.stop > DEV_ACCOUNTS:
        raise InputError(
            f"stakers: {stakers.count} accounts from {stakers.first_account} on; "
            f"a devnet has {DEV_ACCOUNTS} in all"
        )
    _require_once("server, stakers: account", [*topology.server_accounts, *holders])
    if topology.root is not None:
        # Their transactions would get in each other's way.
        _require_once("bridge: account", [*bridge, *people])
        _require_once("bridge, stakers: account", [*bridge, *holders])


def _require_once(what: str, values: Sequence[object]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise InputError(f"{what} {value} stands more than once")

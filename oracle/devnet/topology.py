"""A devnet, declared: chain, tournament, operators, stakers (``topology.toml`` is the default)."""

from collections.abc import Sequence
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

from pydantic import Field

from oracle.chain.keys import DEV_ACCOUNTS, dev_account
from oracle.devnet.profile import (
    MAX_DELAY,
    REAL_CHAINS,
    Address,
    Part,
    Roles,
    Rules,
    TimelockRoles,
    exact,
    read,
)
from oracle.errors import InputError
from oracle.settlement.units import UNITS_PER_NMR

DEPLOYER, ANNOUNCER = 0, 1
"""Development accounts of a devnet's deployer and announcer."""

_FEWEST_WITH_SUPER_QUORUM = 5
"""Of fewer, none can be more than the signatures and fewer than all."""
_LOWEST_PORT, _HIGHEST_PORT = 1024, 65535
_Port = Field(ge=_LOWEST_PORT, le=_HIGHEST_PORT)
_Account = Field(ge=0, lt=DEV_ACCOUNTS)


class Chain(Part):
    """``rpc``: further addresses of the chain that operators use, besides the devnet's own."""

    chain_id: int = Field(ge=1, lt=2**32)
    port: int = _Port
    rpc: tuple[str, ...] = ()


class Vault(Part):
    nmr: Decimal


class Tournament(Rules):
    vault: Vault


class Governance(Part):
    """Development accounts of the guardian, who is the timelock's canceller too, and of its
    proposer; the timelock's delay in seconds; where burned NMR goes, or nothing for a stand-in."""

    guardian: int = Field(6, ge=0, lt=DEV_ACCOUNTS)
    proposer: int = Field(7, ge=0, lt=DEV_ACCOUNTS)
    delay: int = Field(7 * 86_400, ge=1, le=MAX_DELAY)
    burn_vault: Address | None = None


class Operator(Part):
    """``rpc``: the addresses by which it alone reaches the chain, instead of all others'."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    port: int = _Port
    account: int = _Account
    rpc: tuple[str, ...] = ()

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
    first_account: int = _Account
    count: int = Field(ge=1, le=200)
    nmr: Decimal


class Topology(Part):
    """Everything a devnet is made of."""

    chain: Chain
    tournament: Tournament
    governance: Governance = Governance()
    operators: tuple[Operator, ...] = Field(min_length=2, max_length=16)
    stakers: Stakers
    announce: Announce | None = None
    provider: int = Field(9, ge=0, lt=DEV_ACCOUNTS)
    """Development account that signs targets for the operators' vaults."""

    @property
    def rpc(self) -> str:
        return f"http://127.0.0.1:{self.chain.port}"

    def urls(self, operator: Operator) -> tuple[str, ...]:
        """The addresses by which an operator reaches the chain."""
        return operator.rpc or (self.rpc, *self.chain.rpc)

    def roles(self) -> Roles:
        """Who runs the tournament, by address."""
        guardian = dev_account(self.governance.guardian).address
        return Roles(
            chain_id=self.chain.chain_id,
            burn_vault=self.governance.burn_vault,
            announcer=dev_account(ANNOUNCER).address,
            guardian=guardian,
            operators=tuple(dev_account(o.account).address for o in self.operators),
            timelock=TimelockRoles(
                proposer=dev_account(self.governance.proposer).address,
                canceller=guardian,
                delay=self.governance.delay,
            ),
        )

    def with_operators(self, count: int) -> "Topology":
        """The same with so many operators, of whom more than half sign, and one more answers a
        challenge where there are enough for that."""
        first, accounts = self.operators[0], [o.account for o in self.operators]
        free = self.stakers.first_account + self.stakers.count
        accounts += range(free, free + max(0, count - len(accounts)))
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
        """The same with all ports from ``base_port`` on."""
        last = base_port + len(self.operators)
        if base_port < _LOWEST_PORT or last > _HIGHEST_PORT:
            raise InputError(
                f"ports {base_port} to {last} are not within {_LOWEST_PORT} to {_HIGHEST_PORT}",
                "pass another --base-port",
            )
        operators = tuple(
            o.model_copy(update={"port": base_port + 1 + i}) for i, o in enumerate(self.operators)
        )
        chain = self.chain.model_copy(update={"port": base_port})
        return self.model_copy(update={"chain": chain, "operators": operators})


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
    if topology.chain.chain_id in REAL_CHAINS:
        raise InputError(
            f"chain id {topology.chain.chain_id} belongs to a real network",
            "choose a private one, such as 731371: devnet keys are known to everyone",
        )
    operators, governance = topology.operators, topology.governance
    topology.tournament.check(len(operators))
    _require_once("operators: name", [o.name for o in operators])
    accounts = [DEPLOYER, ANNOUNCER, governance.guardian, governance.proposer, topology.provider]
    _require_once("governance, operators: account", [*accounts, *(o.account for o in operators)])
    _require_once("port", [topology.chain.port, *(o.port for o in operators)])
    stakers = topology.stakers
    if stakers.first_account + stakers.count > DEV_ACCOUNTS:
        raise InputError(
            f"stakers: {stakers.count} accounts from {stakers.first_account} on; "
            f"a devnet has {DEV_ACCOUNTS} in all"
        )
    exact(topology.tournament.vault.nmr, UNITS_PER_NMR, "tournament.vault.nmr")
    exact(stakers.nmr, UNITS_PER_NMR, "stakers.nmr")


def _require_once(what: str, values: Sequence[object]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise InputError(f"{what} {value} stands more than once")

"""A tournament on the child chain of two, which takes NMR that came over the bridge."""

from dataclasses import dataclass, field
from pathlib import Path

from eth_utils import keccak
from in_process_tournament import DevSigner, artifact
from short_times import short_topology
from two_chains import NMR, TwoChains
from web3 import Web3

from oracle.chain.keys import dev_account
from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.chain.record import TOURNAMENT, Compiler
from oracle.chain.sender import Sender
from oracle.chain.signing import LocalSigner
from oracle.devnet.profile import Clocks, Timing
from oracle.devnet.topology import ANNOUNCER, DEPLOYER
from oracle.settlement.units import MILLIONTH, WEI_PER_UNIT
from scripts._plan import plan
from scripts._steps import carry_out

TIMING = Timing(
    notice=20, gap=10, max_ahead=200_000, max_horizon=1_000, grace=300, window=30, challenge=50
)
CLOCKS = Clocks(
    skip_after=600_000,
    settle_time=300,
    head_time=50,
    rest_delay=10,
    wind_down_after=1_000_000,
    pause=600,
    pause_cooldown=2_000,
)


@dataclass
class BridgedRounds:
    """``models`` by account, each one's only model."""

    chains: TwoChains
    reader: PoolReader
    models: dict[int, int] = field(default_factory=dict)

    def writer(self, account: int) -> PoolWriter:
        signer = LocalSigner(dev_account(account))
        return PoolWriter(self.reader, Sender(self.reader.web3, self.reader.url, signer))

    def announce(self, number: int, opens: int, closes: int, phi: int = MILLIONTH) -> None:
        """Round ``number``; a phi below 1 names a series of returns."""
        series = bytes(32) if phi == MILLIONTH else keccak(text="returns")
        self.writer(ANNOUNCER).announce(number, opens, closes, 20, phi, series)

    def register(self, account: int) -> int:
        """A model of ``account``, which must have the fee on the child chain."""
        writer = self.writer(account)
        reserved = writer.reserve(keccak(text=f"model of {account}"))
        self.chains.child.mine(1, 5)
        self.models[account] = writer.register(reserved, dev_account(account).address)
        return self.models[account]

    def stake(self, account: int, wei: int) -> None:
        """Deposits into the pool, for the round that is open."""
        number = self.reader.target()
        self.writer(account).deposit(self.models[account], wei // WEI_PER_UNIT, number + 10)


def bridged_rounds(chains: TwoChains, folder: Path) -> BridgedRounds:
    """Deploys the tournament's contracts on the child chain, for the bridge's token."""
    topology = short_topology(TIMING, CLOCKS)
    web3: Web3 = chains.child_web3
    signer = DevSigner(dev_account(DEPLOYER), web3)
    vault = chains.record.burn_vault or dev_account(61).address
    roles = topology.on_one_chain().roles(chains.record.child.token, vault)
    roles = roles.model_copy(update={"chain_id": chains.record.child.chain_id})
    artifacts = {name: artifact(name) for name in ("Timelock", *TOURNAMENT)}
    planned = plan(
        topology.tournament,
        roles,
        artifacts,
        signer.address,
        web3.eth.get_transaction_count(signer.account.address),
        {},
        compiler=Compiler(version="0.4.3", evm_version="prague"),
        commit="unknown",
    )
    record = carry_out(web3, planned, folder / "deployment.json", artifacts, signer, lambda _: None)
    return BridgedRounds(chains, PoolReader.open(chains.child.url, record.pool))


def bridge_in(chains: TwoChains, account: int, wei: int) -> None:
    """NMR on the child chain for ``account``, without the client."""
    chains.give(account, wei + NMR)
    chains.deposit(account, wei)
    chains.settle_syncs()

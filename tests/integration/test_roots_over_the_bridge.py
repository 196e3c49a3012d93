"""What a final round published arrives on the root chain: by a real pool's oracle, real receipts
and a real checkpoint, and as FxPortal's own tunnel takes it."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from random import Random
from typing import Any

import pytest
from bridge_rounds import BridgedRounds, bridged_rounds
from eth_abi import encode
from in_process_tournament import artifact
from scored_rounds import ScoredRounds
from two_chains import NMR, TwoChains
from vaulted_chains import vaulted_chains
from web3.types import TxReceipt

from oracle.bridge.exits import ExitProof, exit_proof, message_logs
from oracle.chain.abi import abi
from oracle.chain.keys import dev_account
from oracle.devnet.artifacts import portal_artifacts
from oracle.errors import RefusedError
from oracle.settlement.typed_data import Commit, Result

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("bridge")]

STAKER, STRANGER, CROWD = 10, 30, 31
TRANSACTIONS = [(True, 0), (False, 0), (True, 3), (False, 3), (False, 130)]
"""Whether it is a legacy one, and how many others are before it in its block: with 130 the key of
its receipt has two bytes."""


@dataclass
class Tunnel:
    """``committed`` is the result of a final round."""

    rounds: BridgedRounds
    outbox: Any
    inbox: Any
    theirs: Any
    committed: Commit

    @property
    def chains(self) -> TwoChains:
        return self.rounds.chains

    def send(self, legacy: bool, crowd: int) -> TxReceipt:
        """The receipt of the message, behind ``crowd`` other transactions in its block."""
        chains, commit = self.chains, self.committed
        result = tuple(getattr(commit, field.name) for field in fields(Result))
        call = self.outbox.functions.send(commit.round, commit.announce_hash, result)
        chains.child.ask("evm_setAutomine", False)
        try:
            other = chains.child_token.functions.transfer(dev_account(STRANGER).address, 0)
            for number in range(crowd):
                chains.post(chains.child_web3, other, CROWD, legacy=number % 2 == 1)
            digest = chains.post(chains.child_web3, call, STRANGER, legacy=legacy)
            chains.child.mine()
        finally:
            chains.child.ask("evm_setAutomine", True)
        receipt = chains.child_web3.eth.get_transaction_receipt(digest)  # type: ignore[arg-type]
        assert (receipt["status"], receipt["transactionIndex"]) == (1, crowd)
        assert receipt["type"] == (0 if legacy else 2)
        return receipt

    def proof(self, receipt: TxReceipt) -> ExitProof:
        chains = self.chains
        [place] = message_logs(receipt, self.outbox.address)
        webs = chains.root_web3, chains.child_web3
        return exit_proof(*webs, chains.record, receipt["transactionHash"], place)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tunnel]:
    with vaulted_chains() as chains:
        chains.give(STAKER, 200 * NMR)
        chains.deposit(STAKER, 100 * NMR)
        chains.settle_syncs()
        rounds = bridged_rounds(chains, tmp_path_factory.mktemp("rounds"))
        rounds.register(STAKER)
        committed = played(rounds)
        outbox = deployed(chains, chains.child_web3, "RootsOutbox", rounds.reader.addresses.oracle)
        checkpoints = chains.record.root.checkpoint_manager
        inbox = deployed(chains, chains.root_web3, "RootsInbox", checkpoints, outbox.address, 137)
        theirs = fxportals(chains, outbox.address)
        yield Tunnel(rounds, outbox, inbox, theirs, committed)


def played(rounds: BridgedRounds) -> Commit:
    """The result of the first round that is settled with one."""
    play = ScoredRounds(rounds, Random(6), lambda _: None)
    while True:
        play.advance()
        settled = rounds.reader.state()["head"] - 1
        commit = rounds.reader.committed(settled) if settled > 0 else None
        if commit is not None:
            return commit


def deployed(chains: TwoChains, web3: Any, name: str, *arguments: Any) -> Any:
    made = web3.eth.contract(abi=abi(name), bytecode=artifact(name).initcode)
    receipt = chains.done(web3, made.constructor(*arguments), STRANGER, gas=5_000_000)
    return web3.eth.contract(address=receipt["contractAddress"], abi=abi(name))


def fxportals(chains: TwoChains, child: str) -> Any:
    """FxPortal's own tunnel end on the root chain, for messages of ``child``."""
    web3, theirs = chains.root_web3, portal_artifacts()["FxStateRootTunnel"]
    made = web3.eth.contract(abi=theirs.abi, bytecode=theirs.bytecode)  # type: ignore[call-overload]
    record = chains.record.root
    call = made.constructor(record.checkpoint_manager, record.fx_root)
    receipt = chains.done(web3, call, STRANGER, gas=5_000_000)
    tunnel: Any = web3.eth.contract(address=receipt["contractAddress"], abi=theirs.abi)  # type: ignore[call-overload]
    chains.done(web3, tunnel.functions.setFxChildTunnel(child), STRANGER)
    return tunnel


@pytest.fixture
def tunnel(both: Tunnel) -> Iterator[Tunnel]:
    with both.chains.undone():
        yield both


@pytest.mark.parametrize(
    ("legacy", "crowd"),
    TRANSACTIONS,
    ids=[f"{'legacy' if legacy else 'typed'}-{crowd}" for legacy, crowd in TRANSACTIONS],
)
def test_roots__sent_by_any_transaction__arrive_and_fxportal_agrees(
    tunnel: Tunnel, legacy: bool, crowd: int, record_property: Any
) -> None:
    chains, commit = tunnel.chains, tunnel.committed
    sent = tunnel.send(legacy, crowd)
    chains.checkpoint()
    proof = tunnel.proof(sent)
    assert proof.index == crowd
    call = tunnel.inbox.functions.receiveMessage(proof.payload)
    received = chains.done(chains.root_web3, call, STRANGER)
    record_property("gas", (sent["gasUsed"], received["gasUsed"], len(proof.payload)))
    print(f"{sent['gasUsed']} to send, {received['gasUsed']} to receive {len(proof.payload)} bytes")
    pool, number = commit.pool, commit.round
    reader = tunnel.rounds.reader
    final_at = reader.facts(number, reader.newest(), number).final_at
    arrived_at = chains.root_web3.eth.get_block(received["blockNumber"])["timestamp"]
    expected = (commit.manifest, commit.meta_root, final_at, arrived_at)
    assert tunnel.inbox.functions.roots(pool, number).call() == expected
    assert tunnel.inbox.functions.latest(pool).call() == number
    assert tunnel.inbox.functions.processed(proof.id).call()
    chains.done(chains.root_web3, tunnel.theirs.functions.receiveMessage(proof.payload), STRANGER)
    message = (1, 137, pool, commit.tournament, number, *expected[:3])
    kinds = ["uint256", "uint256", "address", "uint256", "uint256", "bytes32", "bytes32", "uint256"]
    assert tunnel.theirs.functions.latestData().call() == encode(kinds, message)
    assert tunnel.theirs.functions.processedExits(proof.id).call()


def test_roots__received_twice_or_sent_again__refused(tunnel: Tunnel) -> None:
    chains, web3 = tunnel.chains, tunnel.chains.root_web3
    first, again = tunnel.send(False, 0), tunnel.send(True, 0)
    chains.checkpoint()
    call = tunnel.inbox.functions.receiveMessage(tunnel.proof(first).payload)
    chains.done(web3, call, STRANGER)
    assert chains.send(web3, call, STRANGER)["status"] == 0
    other = tunnel.inbox.functions.receiveMessage(tunnel.proof(again).payload)
    assert chains.send(web3, other, STRANGER)["status"] == 0


def test_roots__before_the_checkpoint__no_proof_yet(tunnel: Tunnel) -> None:
    sent = tunnel.send(False, 0)
    with pytest.raises(RefusedError, match="in no checkpoint yet"):
        tunnel.proof(sent)

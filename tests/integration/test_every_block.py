"""Whoever watches every block of two chains sees what is gone again at the end of a step."""

from collections.abc import Iterator

import pytest
from bridge_rounds import BridgedRounds, bridged_rounds
from eth_abi import encode
from every_block import EveryBlock
from two_chains import LEGACY, NMR
from vaulted_chains import BURNER, Vaults, conserved, vaulted_chains

from oracle.chain.keys import dev_account
from oracle.devnet.artifacts import portal_artifacts

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("bridge")]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BridgedRounds]:
    with vaulted_chains() as chains:
        yield bridged_rounds(chains, tmp_path_factory.mktemp("rounds"))


@pytest.fixture
def rounds(both: BridgedRounds) -> Iterator[BridgedRounds]:
    with both.chains.undone():
        yield both


@pytest.fixture
def blocks(rounds: BridgedRounds) -> EveryBlock:
    return EveryBlock(rounds.chains, rounds.reader.addresses.pool)


def cross(rounds: BridgedRounds) -> None:
    """A deposit, a withdrawal and its exit: blocks of both chains, by turns."""
    chains = rounds.chains
    chains.deposit(BURNER, NMR)
    chains.settle_syncs()
    burnt = chains.withdraw(BURNER, NMR)
    chains.checkpoint()
    call = chains.manager.functions.exit(chains.exit_of(burnt).payload)
    chains.done(chains.root_web3, call, BURNER)


def heads(rounds: BridgedRounds) -> int:
    return rounds.chains.root.head + rounds.chains.child.head


def test_watching__transfers_both_ways__every_block_is_checked_in_its_order(
    rounds: BridgedRounds, blocks: EveryBlock
) -> None:
    before = heads(rounds)
    with blocks.watching():
        cross(rounds)
    facts = blocks.conserved()
    assert blocks.checks == 1 + heads(rounds) - before
    assert (blocks.unordered, blocks.replaced) == (0, 0)
    assert (facts.root.block, facts.child.block) == (
        rounds.chains.root.head,
        rounds.chains.child.head,
    )


def test_conserved__blocks_of_both_chains_at_once__checked_in_an_order_that_may_be(
    rounds: BridgedRounds, blocks: EveryBlock
) -> None:
    before = heads(rounds)
    cross(rounds)
    blocks.conserved()
    assert blocks.checks == 1 + heads(rounds) - before
    assert blocks.unordered == 1


def test_watching__minted_from_nothing_and_reorganised_away__is_seen(
    rounds: BridgedRounds, blocks: EveryBlock
) -> None:
    """At the end of the step nothing is wrong any more."""
    chains = rounds.chains
    with blocks.watching():
        mint(rounds)
        chains.child.ask("anvil_reorg", 1, [])
    conserved(chains, Vaults(chains).books(reader=rounds.reader))
    with pytest.raises(AssertionError, match="minted"):
        blocks.conserved()


def test_watching__blocks_replaced__the_new_ones_are_checked(
    rounds: BridgedRounds, blocks: EveryBlock
) -> None:
    with blocks.watching():
        Vaults(rounds.chains).burn(NMR)
        rounds.chains.child.ask("anvil_reorg", 1, [])
    facts = blocks.conserved()
    assert (blocks.checks, blocks.replaced) == (3, 1)
    assert facts.child.vault.into == 0


def mint(rounds: BridgedRounds) -> None:
    """A wei for which nothing was locked, in the name of the bridge's own manager."""
    chains, child = rounds.chains, rounds.chains.child
    manager = chains.record.child.child_chain_manager
    child.ask("anvil_impersonateAccount", manager)
    child.ask("anvil_setBalance", manager, hex(10**20))
    abi, address = portal_artifacts()["UChildERC20"].abi, chains.record.child.token
    token = chains.child_web3.eth.contract(address=address, abi=abi)  # type: ignore[call-overload]
    call = token.functions.deposit(dev_account(BURNER).address, encode(["uint256"], [1]))
    digest = call.transact({"from": manager, "gas": 200_000, **LEGACY})
    receipt = chains.child_web3.eth.wait_for_transaction_receipt(digest, poll_latency=0.01)
    assert receipt["status"] == 1

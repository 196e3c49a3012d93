"""Mistakes, donations, a stopped token and strangers who deploy: nothing hides or blocks burns."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from bridge_rounds import bridged_rounds
from bridged_staker import STAKER, STRANGER, bridged_staker, on_root
from two_chains import NMR, TwoChains, two_chains
from vaulted_chains import (
    BURNER,
    KEEPER,
    Vaults,
    conserved,
    deploy_vault,
    vault_address,
)

from oracle.bridge.reading import Books
from oracle.errors import RefusedError

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("bridge")]


@pytest.fixture(scope="module")
def both() -> Iterator[TwoChains]:
    with bridged_staker() as chains:
        yield chains


@pytest.fixture
def chains(both: TwoChains) -> Iterator[TwoChains]:
    with both.undone():
        yield both


@pytest.fixture
def vaults(chains: TwoChains) -> Vaults:
    return Vaults(chains)


@pytest.fixture
def books(vaults: Vaults) -> Books:
    return vaults.books()


# ---------------------------------------------------------------------- mistakes and donations


def test_deposit__to_the_pools_address__is_nobodys_and_changes_no_book(
    chains: TwoChains, tmp_path: Path
) -> None:
    """The pool counts what it pulled, not what it holds."""
    rounds = bridged_rounds(chains, tmp_path)
    reader, pool = rounds.reader, rounds.reader.addresses.pool
    books = Vaults(chains).books(reader=reader)
    before = reader.totals()
    chains.deposit(STAKER, 5 * NMR, to=pool)
    [synced] = chains.settle_syncs()
    assert synced.ok
    assert reader.totals() == before
    assert chains.child_token.functions.balanceOf(pool).call() == 5 * NMR
    assert conserved(chains, books).pool.flushed == 0
    with pytest.raises(RefusedError, match="nothing to burn"):
        rounds.writer(STAKER).flush_burn()


def test_donations__to_every_address__never_hide_or_block_anything(
    chains: TwoChains, vaults: Vaults, books: Books
) -> None:
    record = chains.record
    for address in (
        vaults.address,
        record.root.erc20_predicate,
        record.root.root_chain_manager,
        record.root.checkpoint_manager,
        record.root.state_sender,
        record.root.token,
        "0x" + "00" * 20,
    ):
        vaults.donate(NMR, to=address)
    below = (vaults.address, record.child.token, record.child.child_chain_manager)
    for address in (*below, record.child.state_receiver, record.child.fx_child):
        call = chains.child_token.functions.transfer(address, NMR)
        chains.done(chains.child_web3, call, BURNER)
    facts = conserved(chains, books)
    assert facts.predicate_donations == facts.root_donations == facts.child_donations == NMR
    assert facts.root.destroyed == 0, "a transfer to the zero address destroys nothing"
    vaults.burn(20 * NMR)
    burnt = chains.withdraw(STAKER, NMR)
    sweeper = vaults.sweeper()
    sweeper.step()
    chains.checkpoint()
    sweeper.step()
    exit_ = chains.manager.functions.exit(chains.exit_of(burnt).payload)
    chains.done(chains.root_web3, exit_, STRANGER)
    facts = conserved(chains, books)
    assert facts.root.destroyed == facts.root.swept == 22 * NMR
    assert facts.in_flight_up == 0


def test_donation__by_deposit_to_the_vault__is_burned_like_any_other(
    chains: TwoChains, vaults: Vaults, books: Books
) -> None:
    chains.deposit(STAKER, 12 * NMR, to=vaults.address)
    chains.settle_syncs()
    assert conserved(chains, books).child_donations == 12 * NMR
    sweeper = vaults.sweeper()
    sweeper.step()
    chains.checkpoint()
    sweeper.step()
    assert conserved(chains, books).root.destroyed == 12 * NMR


def test_nmr_stopped__sweeps_exits_and_deposits_wait__nothing_is_lost(
    chains: TwoChains, vaults: Vaults, books: Books
) -> None:
    vaults.burn(20 * NMR)
    sweeper = vaults.sweeper()
    sweeper.step()
    burnt = chains.withdraw(STAKER, NMR)
    chains.checkpoint()
    vaults.stop()
    exit_ = chains.manager.functions.exit(chains.exit_of(burnt).payload)
    assert chains.send(chains.root_web3, exit_, STRANGER)["status"] == 0
    assert sweeper.step() == []
    assert conserved(chains, books).in_flight_up == 21 * NMR
    vaults.release()
    before = on_root(chains, STAKER)
    chains.done(chains.root_web3, exit_, STRANGER)
    sweeper.step()
    facts = conserved(chains, books)
    assert (facts.in_flight_up, facts.root.swept) == (0, 20 * NMR)
    assert on_root(chains, STAKER) == before + NMR


def test_nmr_stopped_between_exit_and_sweep__the_vault_keeps_it_until_the_release(
    chains: TwoChains, vaults: Vaults, books: Books
) -> None:
    vaults.burn(20 * NMR)
    swept = chains.done(chains.child_web3, vaults.child.functions.sweep(), STRANGER, legacy=True)
    chains.checkpoint()
    exit_ = chains.manager.functions.exit(chains.exit_of(swept).payload)
    chains.done(chains.root_web3, exit_, STRANGER)
    vaults.stop()
    sweep = vaults.root.functions.sweep()
    assert chains.send(chains.root_web3, sweep, STRANGER)["status"] == 0
    assert conserved(chains, books).root.vault.balance == 20 * NMR
    vaults.release()
    vaults.sweeper().step()
    assert conserved(chains, books).root.destroyed == 20 * NMR


# ---------------------------------------------------------------------- who deploys


def test_vault__a_stranger_deploys_it_first__it_is_the_very_same(tmp_path: Path) -> None:
    """And who comes second only learns that it is there: what counts is the code at the address."""
    with two_chains() as chains:
        first = deploy_vault(chains, chains.child_web3, STRANGER)
        second = deploy_vault(chains, chains.child_web3, KEEPER)
        assert (first["status"], second["status"]) == (1, 0)
        deploy_vault(chains, chains.root_web3, KEEPER)
        chains.record = chains.record.with_contracts(burn_vault=vault_address(chains))
        vaults, books = Vaults(chains), Vaults(chains).books()
        codes = [
            bytes(web3.eth.get_code(vaults.address))  # type: ignore[arg-type]
            for web3 in (chains.root_web3, chains.child_web3)
        ]
        assert codes[0] == codes[1] != b""
        chains.give(BURNER, 50 * NMR)
        chains.deposit(BURNER, 50 * NMR)
        chains.settle_syncs()
        vaults.burn(50 * NMR)
        vaults.sweeper().step()
        chains.checkpoint()
        vaults.sweeper().step()
        assert conserved(chains, books).root.destroyed == 50 * NMR

"""Reorganised chains, endpoints that lie behind, and relayers that die: NMR is conserved all the
while, and what was only late arrives."""

from collections.abc import Iterator

import pytest
from bridged_staker import STAKER, STRANGER, bridged_staker, on_child
from two_chains import NMR, TwoChains
from vaulted_chains import Vaults, conserved

from oracle.bridge.exits import exit_proof
from oracle.bridge.reading import Books, together
from oracle.bridge.sweeping import EXIT, ROOT_SWEEP, Sweeper
from oracle.devnet.relayer import Relayer
from oracle.errors import UnreachableError

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


# ---------------------------------------------------------------------- reorganisations


def test_child_reorganised_before_the_checkpoint__burn_is_undone_and_made_again(
    chains: TwoChains, vaults: Vaults, books: Books
) -> None:
    vaults.burn(20 * NMR)
    sweeper = vaults.sweeper()
    sweeper.step()
    assert conserved(chains, books).in_flight_up == 20 * NMR
    chains.child.ask("anvil_reorg", 1, [])
    facts = conserved(chains, books)
    assert (facts.in_flight_up, facts.child.vault.balance) == (0, 20 * NMR)
    for _ in range(3):
        sweeper.step()
        chains.checkpoint()
    facts = conserved(chains, books)
    assert (facts.in_flight_up, facts.root.swept) == (0, 20 * NMR)


def test_child_reorganised_behind_the_checkpoint__noticed_and_holds_no_other_exit_up(
    chains: TwoChains, vaults: Vaults
) -> None:
    """A checkpoint of blocks that an endpoint does not have: it proves nothing, and the keeper
    sends nothing by it. Burns in other checkpoints are paid meanwhile."""
    vaults.burn(20 * NMR)
    vaults.sweeper().step()
    chains.child.mine(1)
    chains.relayer.checkpoint(chains.child.head)
    chains.child.ask("anvil_reorg", 1, [])
    sweeper = vaults.sweeper()
    [untaken] = sweeper.step()
    assert "are not those of checkpoint" in untaken.trouble
    assert sweeper.left().refused == 20 * NMR
    vaults.burn(30 * NMR)
    vaults.sweeper().sweep_child()
    chains.checkpoint()
    exit_, swept = sweeper.step()
    assert (exit_.step.split()[0], exit_.wei, exit_.trouble) == (EXIT, 30 * NMR, "")
    assert (swept.step, swept.wei, swept.trouble) == (ROOT_SWEEP, 30 * NMR, "")


def test_root_reorganised__deposit_that_is_gone_was_never_minted(
    chains: TwoChains, books: Books
) -> None:
    before = on_child(chains, STAKER)
    chains.deposit(STAKER, 5 * NMR)
    assert chains.relayer.sync() == []
    chains.root.ask("anvil_reorg", 2, [])
    chains.settle_syncs()
    assert on_child(chains, STAKER) == before
    assert conserved(chains, books).in_flight_down == 0
    chains.deposit(STAKER, 3 * NMR)
    chains.settle_syncs()
    assert on_child(chains, STAKER) == before + 3 * NMR
    conserved(chains, books)


def test_root_reorganised__exit_that_is_gone_is_paid_again(
    chains: TwoChains, vaults: Vaults, books: Books
) -> None:
    vaults.burn(20 * NMR)
    sweeper = vaults.sweeper()
    sweeper.step()
    chains.checkpoint()
    sweeper.step()
    assert conserved(chains, books).root.swept == 20 * NMR
    chains.root.ask("anvil_reorg", 2, [])
    facts = conserved(chains, books)
    assert (facts.root.swept, facts.in_flight_up) == (0, 20 * NMR)
    sweeper.step()
    facts = conserved(chains, books)
    assert (facts.root.swept, facts.in_flight_up) == (20 * NMR, 0)


# ---------------------------------------------------------------------- endpoints behind


def test_together__child_endpoint_behind_the_checkpoint__says_so(chains: TwoChains) -> None:
    """It cannot show burns that may have been paid."""
    chains.child.mine(3)
    chains.relayer.checkpoint(chains.child.head)
    chains.child.ask("anvil_rollback", 1)
    with pytest.raises(UnreachableError, match="never at the same moment"):
        together(chains.root_web3, chains.child_web3, chains.record)
    chains.child.mine(1)
    together(chains.root_web3, chains.child_web3, chains.record)


def test_together__root_endpoint_behind_what_was_minted__says_so(chains: TwoChains) -> None:
    chains.deposit(STAKER, NMR)
    chains.settle_syncs()
    chains.root.ask("anvil_rollback", 4)
    with pytest.raises(UnreachableError, match="never at the same moment"):
        together(chains.root_web3, chains.child_web3, chains.record)


# ---------------------------------------------------------------------- validators and keepers


class Killed(Exception):
    """The relayer's process ends at this request."""


def test_relayer__killed_before_any_of_its_requests__the_next_one_goes_on(
    chains: TwoChains, vaults: Vaults, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps nothing, so that a new one after each death brings everything over, once."""
    before = on_child(chains, STAKER)
    vaults.burn(20 * NMR)
    vaults.sweeper().step()
    for wei in (1, 2):
        chains.deposit(STAKER, wei * NMR)
    chains.root.mine(3)
    chains.child.mine(3)
    requests = [0]

    def dying(web3: object, at: int) -> object:
        genuine = web3.manager.request_blocking  # type: ignore[attr-defined]

        def request(*arguments: object, **named: object) -> object:
            requests[0] += 1
            if requests[0] == at:
                raise Killed
            return genuine(*arguments, **named)

        return request

    deaths = 0
    for at in range(1, 400):
        requests[0] = 0
        with monkeypatch.context() as patch:
            for web3 in (chains.root_web3, chains.child_web3):
                patch.setattr(web3.manager, "request_blocking", dying(web3, at))
            again = Relayer(chains.root_web3, chains.child_web3, chains.record, chains.settings)
            try:
                again.sync()
                again.checkpoint()
                break
            except Killed:
                deaths += 1
        conserved(chains, books)
    assert deaths > 10
    assert on_child(chains, STAKER) == before + 3 * NMR
    vaults.sweeper().step()
    facts = conserved(chains, books)
    assert (facts.in_flight_down, facts.root.swept) == (0, 20 * NMR)


def test_sweep__typed_by_a_stranger__can_never_be_exited_here_and_is_conserved(
    chains: TwoChains, vaults: Vaults, books: Books
) -> None:
    """The npm package's RootChainManager is older than typed receipts. On a local chain anybody
    can so keep burnt NMR in the predicate for ever; out of circulation it is all the same."""
    vaults.burn(20 * NMR)
    swept = chains.done(chains.child_web3, vaults.child.functions.sweep(), STRANGER)
    chains.checkpoint()
    webs = chains.root_web3, chains.child_web3
    payload = exit_proof(*webs, chains.record, swept["transactionHash"], 1).payload
    call = chains.manager.functions.exit(payload)
    assert chains.send(chains.root_web3, call, STRANGER)["status"] == 0
    sweeper: Sweeper = vaults.sweeper()
    [taken] = sweeper.step()
    assert taken.refused
    facts = conserved(chains, books)
    assert (facts.in_flight_up, sweeper.left().refused) == (20 * NMR, 20 * NMR)

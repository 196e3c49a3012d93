"""The vaults' sweeps and exits by whoever comes: what is burnt leaves the root chain's supply."""

from collections.abc import Iterator

import pytest
from two_chains import NMR, TwoChains
from vaulted_chains import BURNER, KEEPER, Vaults, conserved, vaulted_chains

from oracle.bridge.reading import Books
from oracle.bridge.sweeping import CHILD_SWEEP, EXIT, ROOT_SWEEP, Left, Taken
from oracle.bridge.vault_burns import VaultBurns
from oracle.chain.keys import dev_account
from oracle.errors import InputError

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("bridge")]

STRANGER = 11
DAY = 86_400


@pytest.fixture(scope="module")
def both() -> Iterator[TwoChains]:
    with vaulted_chains() as chains:
        yield chains


@pytest.fixture
def vaults(both: TwoChains) -> Iterator[Vaults]:
    with both.undone():
        yield Vaults(both)


@pytest.fixture
def books(vaults: Vaults) -> Books:
    return vaults.books()


def steps(taken: list[Taken]) -> list[tuple[str, int]]:
    """What was taken and of how much; fails if something was not."""
    assert [one.trouble for one in taken if one.trouble] == []
    assert all(one.transaction for one in taken)
    return [(one.step.partition(f"{EXIT} ")[0] or EXIT, one.wei) for one in taken]


def test_step__burns_in_the_child_vault__destroyed_to_the_last_wei(
    vaults: Vaults, books: Books
) -> None:
    before = conserved(vaults.chains, books).root.supply
    vaults.burn(30 * NMR + 1)
    sweeper = vaults.sweeper()
    assert steps(sweeper.step()) == [(CHILD_SWEEP, 30 * NMR + 1)]
    facts = conserved(vaults.chains, books)
    assert facts.in_flight_up == 30 * NMR + 1
    assert sweeper.left() == Left(0, 30 * NMR + 1, 0, 0, 0)
    assert sweeper.step() == []
    vaults.chains.checkpoint()
    assert sweeper.left() == Left(0, 0, 30 * NMR + 1, 0, 0)
    assert steps(sweeper.step()) == [(EXIT, 30 * NMR + 1), (ROOT_SWEEP, 30 * NMR + 1)]
    facts = conserved(vaults.chains, books)
    assert before - facts.root.supply == 30 * NMR + 1 == facts.root.swept == facts.child.swept
    assert sweeper.left() == Left(0, 0, 0, 0, 0)
    assert sweeper.step() == []


def test_step__new_process__finds_what_an_earlier_one_swept(vaults: Vaults) -> None:
    for wei in (11 * NMR, 12 * NMR):
        vaults.burn(wei)
        assert steps(vaults.sweeper().step()) == [(CHILD_SWEEP, wei)]
    vaults.chains.checkpoint()
    taken = steps(vaults.sweeper().step())
    assert sorted(taken[:2]) == [(EXIT, 11 * NMR), (EXIT, 12 * NMR)]
    assert taken[2:] == [(ROOT_SWEEP, 23 * NMR)]


def test_step__older_sweeps_in_spans_of_their_own__all_found(
    vaults: Vaults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oracle.bridge.vault_burns._SPAN", 3)
    monkeypatch.setattr("oracle.bridge.vault_burns._SPANS_AT_ONCE", 2)
    for _ in range(3):
        vaults.burn(10 * NMR)
        vaults.sweeper().step()
        vaults.chains.child.mine(10)
    vaults.chains.checkpoint()
    sweeper, taken = vaults.sweeper(), list[tuple[str, int]]()
    for _ in range(30):
        taken += steps(sweeper.step())
    assert sum(wei for step, wei in taken if step == EXIT) == 30 * NMR
    assert sum(wei for step, wei in taken if step == ROOT_SWEEP) == 30 * NMR


def test_burns__node_behind_the_checkpoint__found_once_it_has_them(vaults: Vaults) -> None:
    """A node is asked for blocks that it does not have yet, and answers as if they were empty."""
    chains = vaults.chains
    burns = VaultBurns(chains.record, chains.child_web3, chains.child.url)
    for wei, ahead in ((11 * NMR, 0), (12 * NMR, 3)):
        vaults.burn(wei)
        checkpointed = chains.child_web3.eth.block_number + ahead
        burns.update(checkpointed)
        vaults.sweeper().sweep_child()
    chains.child.mine(3)
    burns.update(checkpointed)
    assert sorted(burn.wei for burn in burns.waiting()) == [11 * NMR, 12 * NMR]


def test_burns__checkpoint_and_sweep_reorganised_away__forgotten(vaults: Vaults) -> None:
    chains = vaults.chains
    burns = VaultBurns(chains.record, chains.child_web3, chains.child.url)
    vaults.burn(11 * NMR)
    vaults.sweeper().sweep_child()
    above = chains.root.head
    checkpoint = chains.checkpoint()
    assert checkpoint is not None
    burns.update(checkpoint.end)
    assert ([burn.wei for burn in burns.waiting()], burns.checkpointed) == ([11 * NMR], 11 * NMR)
    chains.root.ask("anvil_reorg", chains.root.head - above, [])
    chains.child.ask("anvil_reorg", 4, [])
    checkpoint = chains.checkpoint()
    assert checkpoint is not None
    burns.update(checkpoint.end)
    assert (burns.waiting(), burns.checkpointed) == ([], 0)


def test_step__checkpoint_reorganised_away__its_burn_waits_for_the_next_one(
    vaults: Vaults,
) -> None:
    """An exit that cannot be proven would be put off for an hour."""
    chains = vaults.chains
    chains.checkpoint()
    vaults.burn(11 * NMR)
    sweeper = vaults.sweeper()
    sweeper.sweep_child()
    above = chains.root.head
    chains.checkpoint()
    assert sweeper.left() == Left(0, 0, 11 * NMR, 0, 0)
    chains.root.ask("anvil_reorg", chains.root.head - above, [])
    assert sweeper.step() == []
    assert sweeper.left() == Left(0, 11 * NMR, 0, 0, 0)
    chains.checkpoint()
    assert steps(sweeper.step()) == [(EXIT, 11 * NMR), (ROOT_SWEEP, 11 * NMR)]


def test_step__a_wei_donated_again_and_again__one_sweep_and_one_exit_a_week(
    vaults: Vaults,
) -> None:
    """Nobody makes a keeper pay for each of their donations, on either chain."""
    chains, keeper = vaults.chains, dev_account(KEEPER).address
    webs = chains.child_web3, chains.root_web3
    before = [web3.eth.get_transaction_count(keeper) for web3 in webs]
    sweeper = vaults.sweeper()
    for week in (1, 2):
        for _ in range(4):
            vaults.burn(1)
            assert sweeper.step() == []
        chains.child.mine(1, 7 * DAY)
        chains.child.mine(1)
        assert steps(sweeper.step()) == [(CHILD_SWEEP, 4)]
        chains.checkpoint()
        assert steps(sweeper.step()) == [(EXIT, 4)]
        sent = [web3.eth.get_transaction_count(keeper) for web3 in webs]
        assert [n - m for n, m in zip(sent, before, strict=True)] == [week, week]


def test_step__not_due__nothing_is_sent(vaults: Vaults) -> None:
    vaults.burn(10 * NMR - 1)
    sweeper = vaults.sweeper()
    assert sweeper.step() == []
    assert sweeper.left().child == 10 * NMR - 1
    vaults.chains.child.mine(1, 7 * DAY)
    vaults.chains.child.mine(1)
    assert steps(sweeper.step()) == [(CHILD_SWEEP, 10 * NMR - 1)]


def test_step__dust_donated_to_the_root_vault__only_the_unthrifty_pay_for_it(
    vaults: Vaults, books: Books
) -> None:
    vaults.donate(1)
    assert vaults.sweeper().step() == []
    supply = conserved(vaults.chains, books).root.supply
    assert steps(vaults.sweeper(thrifty=False).step()) == [(ROOT_SWEEP, 1)]
    facts = conserved(vaults.chains, books)
    assert (supply - facts.root.supply, facts.root_donations) == (1, 1)


def test_step__dust_a_week_old__is_swept_by_everyone(vaults: Vaults) -> None:
    vaults.donate(1)
    vaults.chains.root.mine(1, 7 * DAY)
    vaults.chains.root.mine(1)
    assert steps(vaults.sweeper().step()) == [(ROOT_SWEEP, 1)]


def test_step__may_not__looks_only(vaults: Vaults) -> None:
    asked = list[str]()

    def may(step: str) -> bool:
        asked.append(step)
        return False

    vaults.burn(10 * NMR)
    assert vaults.sweeper(may=may).step() == []
    assert asked == [CHILD_SWEEP]


def test_step__nmr_stopped__waits_and_goes_on_after_the_release(
    vaults: Vaults, books: Books
) -> None:
    vaults.burn(10 * NMR)
    sweeper = vaults.sweeper()
    sweeper.step()
    vaults.chains.checkpoint()
    vaults.stop()
    assert sweeper.step() == []
    assert conserved(vaults.chains, books).in_flight_up == 10 * NMR
    vaults.release()
    assert steps(sweeper.step()) == [(EXIT, 10 * NMR), (ROOT_SWEEP, 10 * NMR)]


def test_step__somebody_exited_already__goes_on_with_the_rest(vaults: Vaults) -> None:
    chains = vaults.chains
    vaults.burn(10 * NMR)
    swept = chains.done(chains.child_web3, vaults.child.functions.sweep(), STRANGER, legacy=True)
    chains.checkpoint()
    exit_ = chains.manager.functions.exit(chains.exit_of(swept).payload)
    chains.done(chains.root_web3, exit_, STRANGER)
    assert steps(vaults.sweeper().step()) == [(ROOT_SWEEP, 10 * NMR)]


def test_step__strangers_typed_sweep__is_refused_kept_in_mind_and_conserved(
    vaults: Vaults, books: Books
) -> None:
    """The npm package's RootChainManager reads receipts of type 0 only; the real one reads all."""
    chains, now = vaults.chains, [0.0]
    vaults.burn(10 * NMR)
    chains.done(chains.child_web3, vaults.child.functions.sweep(), STRANGER)
    vaults.burn(11 * NMR)
    sweeper = vaults.sweeper(clock=lambda: now[0])
    assert steps(sweeper.step()) == [(CHILD_SWEEP, 11 * NMR)]
    chains.checkpoint()
    taken = sweeper.step()
    assert sorted((one.wei, one.refused) for one in taken) == [
        (10 * NMR, True),
        (11 * NMR, False),
        (11 * NMR, False),
    ]
    assert sweeper.left() == Left(0, 0, 0, 10 * NMR, 0)
    assert sweeper.step() == []
    now[0] = 3_600.0
    [again] = sweeper.step()
    assert again.refused
    now[0] = 2 * 3_600.0
    assert sweeper.step() == []
    facts = conserved(chains, books)
    assert (facts.in_flight_up, facts.root.swept) == (10 * NMR, 11 * NMR)


def test_step__two_keepers_at_once__each_step_counts_once(vaults: Vaults, books: Books) -> None:
    vaults.burn(10 * NMR)
    one, other = vaults.sweeper(), vaults.sweeper(account=BURNER)
    taken = steps(one.step()) + steps(other.step())
    vaults.chains.checkpoint()
    taken += steps(other.step()) + steps(one.step())
    assert taken == [(CHILD_SWEEP, 10 * NMR), (EXIT, 10 * NMR), (ROOT_SWEEP, 10 * NMR)]
    assert conserved(vaults.chains, books).root.swept == 10 * NMR


def test_sweeper__record_without_a_vault__says_so(vaults: Vaults) -> None:
    chains = vaults.chains
    record, chains.record = chains.record, chains.record.model_copy(update={"burn_vault": None})
    try:
        with pytest.raises(InputError, match="names no burn vault"):
            vaults.sweeper()
    finally:
        chains.record = record


def test_sweeper__vault_not_deployed_yet__has_nothing_to_do(vaults: Vaults) -> None:
    chains = vaults.chains
    for chain in (chains.root, chains.child):
        chain.ask("anvil_setCode", vaults.address, "0x")
    vaults.burn(10 * NMR)
    chains.checkpoint()
    sweeper = vaults.sweeper()
    assert sweeper.step() == []
    assert sweeper.left() == Left(10 * NMR, 0, 0, 0, 0)

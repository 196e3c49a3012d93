"""What goes wrong between two chains, or is tried: NMR is conserved all the while, and what was
only late arrives. A plain burner stands where a tournament's pool would be, but for the one test
that needs a pool."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import rlp
from bridge_rounds import bridged_rounds
from eth_abi import encode
from two_chains import NMR, TwoChains, two_chains
from vaulted_chains import (
    BURNER,
    KEEPER,
    Vaults,
    conserved,
    deploy_vault,
    vault_address,
    vaulted_chains,
)
from web3.exceptions import ContractLogicError

from oracle.bridge.checkpoints import STEP, Tree, headers, newest
from oracle.bridge.exits import exit_proof
from oracle.bridge.reading import Books, together
from oracle.bridge.sweeping import EXIT, ROOT_SWEEP, Sweeper
from oracle.bridge.syncs import last_synced, sync_count
from oracle.chain.keys import dev_account
from oracle.devnet import relayer
from oracle.devnet.relayer import Relayer
from oracle.devnet.validators import Validators, checkpoint_data
from oracle.errors import RefusedError, UnreachableError

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("bridge")]

STAKER, STRANGER = 10, 11
PATH, LOG = 8, 9


@pytest.fixture(scope="module")
def both() -> Iterator[TwoChains]:
    """The staker has 100 NMR on each chain."""
    with vaulted_chains() as chains:
        chains.give(STAKER, 200 * NMR)
        chains.deposit(STAKER, 100 * NMR)
        chains.settle_syncs()
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


def on_child(chains: TwoChains, account: int) -> int:
    return chains.child_token.functions.balanceOf(dev_account(account).address).call()


def on_root(chains: TwoChains, account: int) -> int:
    return chains.root_token.functions.balanceOf(dev_account(account).address).call()


# ---------------------------------------------------------------------- exits


@pytest.mark.parametrize("first", [0x00, 0x20, 0x4F], ids=["same", "even", "odd"])
def test_exit__of_the_vaults_burn_replayed_or_aliased__destroys_it_once(
    chains: TwoChains, vaults: Vaults, books: Books, first: int
) -> None:
    """``first`` is another spelling of the receipt's path, under which it would be another exit."""
    vaults.burn(20 * NMR)
    swept = chains.done(chains.child_web3, vaults.child.functions.sweep(), STRANGER, legacy=True)
    chains.checkpoint()
    payload = chains.exit_of(swept).payload
    chains.done(chains.root_web3, chains.manager.functions.exit(payload), STRANGER)
    before = conserved(chains, books)
    fields = rlp.decode(payload)
    fields[PATH] = bytes([first]) + fields[PATH][1:]
    again = chains.manager.functions.exit(rlp.encode(fields))
    assert chains.send(chains.root_web3, again, STRANGER)["status"] == 0
    after = conserved(chains, books)
    assert after.root.predicate == before.root.predicate
    vaults.sweeper().step()
    assert conserved(chains, books).root.swept == 20 * NMR


def test_exit__forged_from_a_checkpoint_that_was_never_signed__is_refused(
    chains: TwoChains, books: Books
) -> None:
    """A proof in itself consistent, of a burn on a chain of the forger's own."""
    chains.checkpoint()
    with two_chains() as other:
        other.give(STRANGER, 1_000 * NMR)
        other.deposit(STRANGER, 1_000 * NMR)
        other.settle_syncs()
        burnt = other.withdraw(STRANGER, 1_000 * NMR)
        other.checkpoint()
        assert other.record.child.token == chains.record.child.token
        payload = other.exit_of(burnt).payload
    call = chains.manager.functions.exit(payload)
    with pytest.raises(ContractLogicError):
        call.call()
    assert chains.send(chains.root_web3, call, STRANGER)["status"] == 0
    conserved(chains, books)


def test_exit__of_one_burn_with_the_place_of_another__pays_each_once(
    chains: TwoChains, books: Books
) -> None:
    """Both burns are genuine; the place names a log that the receipt does not have."""
    one, _ = chains.withdraw(STAKER, NMR), chains.withdraw(STAKER, 2 * NMR)
    chains.checkpoint()
    fields = rlp.decode(chains.exit_of(one).payload)
    fields[LOG] = b"\x01"
    call = chains.manager.functions.exit(rlp.encode(fields))
    assert chains.send(chains.root_web3, call, STRANGER)["status"] == 0
    conserved(chains, books)


# ---------------------------------------------------------------------- checkpoints


@pytest.mark.parametrize(
    "signers", [(40, 41), (40, 41, 41), (40, 41, 55)], ids=["too-few", "one-twice", "a-stranger"]
)
def test_checkpoint__without_its_quorum__changes_nothing_and_the_next_one_counts(
    chains: TwoChains, books: Books, signers: tuple[int, ...]
) -> None:
    burnt = chains.withdraw(STAKER, NMR)
    last = newest(chains.root_web3, chains.record)
    start = last.end + 1 if last else 0
    tree = Tree([header.leaf for header in headers(chains.child_web3, start, chains.child.head)])
    sender = dev_account(STRANGER).address
    data = checkpoint_data(sender, start, chains.child.head, tree, chains.record.child.chain_id)
    signed = [one for n in signers for one in Validators.of((n,)).sign(data)]
    call = chains.checkpoints.functions.submitCheckpoint(data, signed)
    assert chains.send(chains.root_web3, call, STRANGER)["status"] == 0
    assert newest(chains.root_web3, chains.record) == last
    conserved(chains, books)
    assert chains.checkpoint()
    exit_ = chains.manager.functions.exit(chains.exit_of(burnt).payload)
    chains.done(chains.root_web3, exit_, STRANGER)
    conserved(chains, books)


def test_checkpoint__skipping_a_block__is_refused(chains: TwoChains, books: Books) -> None:
    made = chains.checkpoint()
    assert made is not None
    start = made.end + 2
    chains.child.mine(5)
    tree = Tree([header.leaf for header in headers(chains.child_web3, start, chains.child.head)])
    sender = dev_account(STRANGER).address
    data = checkpoint_data(sender, start, chains.child.head, tree, chains.record.child.chain_id)
    signed = chains.relayer.validators.sign(data)
    call = chains.checkpoints.functions.submitCheckpoint(data, signed)
    assert chains.send(chains.root_web3, call, STRANGER)["status"] == 0
    found = newest(chains.root_web3, chains.record)
    assert found is not None
    assert found.id % STEP == 0
    assert found == made
    conserved(chains, books)


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


# ---------------------------------------------------------------------- state syncs


def test_sync__id_missing__nothing_passes_it_and_all_arrive_in_the_end(
    chains: TwoChains, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relayer's endpoint does not show one message's log."""
    before = on_child(chains, STAKER)
    for wei in (1, 2, 3):
        chains.deposit(STAKER, wei * NMR)
    missing = sync_count(chains.root_web3, chains.record) - 1
    genuine = relayer.state_sync
    with monkeypatch.context() as patch:
        patch.setattr(
            relayer,
            "state_sync",
            lambda root, record, id, until: (
                None if id == missing else genuine(root, record, id, until)
            ),
        )
        with pytest.raises(UnreachableError, match=f"state sync {missing} of"):
            chains.settle_syncs()
    assert last_synced(chains.child_web3, chains.record) < missing
    assert conserved(chains, books).in_flight_down == 6 * NMR
    chains.settle_syncs()
    assert on_child(chains, STAKER) == before + 6 * NMR
    assert conserved(chains, books).in_flight_down == 0


def test_sync__refused_by_the_child_chain__counts_as_not_minted_until_the_replay(
    chains: TwoChains, books: Books
) -> None:
    token = chains.record.child.token
    code = chains.child.ask("eth_getCode", token, "latest")
    chains.deposit(STAKER, 5 * NMR)
    failed = sync_count(chains.root_web3, chains.record)
    chains.child.ask("anvil_setCode", token, "0x60006000fd")
    [synced] = chains.settle_syncs()
    assert not synced.ok
    chains.child.ask("anvil_setCode", token, code)
    chains.deposit(STAKER, 7 * NMR)
    chains.settle_syncs()
    assert conserved(chains, books).in_flight_down == 5 * NMR
    replay = chains.state_receiver.functions.replayFailedStateSync(failed)
    chains.done(chains.child_web3, replay, STRANGER)
    assert conserved(chains, books).in_flight_down == 0
    assert chains.send(chains.child_web3, replay, STRANGER)["status"] == 0
    conserved(chains, books)


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


def test_message__to_the_childs_manager_by_another_sender__is_refused(
    chains: TwoChains, books: Books
) -> None:
    """Only the root chain's manager may have NMR minted: receivers take messages of their own
    registered sender alone."""
    artifact = chains.root_web3.eth.contract(
        address=chains.record.root.state_sender,  # type: ignore[arg-type]
        abi=[
            {
                "type": "function",
                "name": "syncState",
                "stateMutability": "nonpayable",
                "inputs": [{"type": "address", "name": "r"}, {"type": "bytes", "name": "d"}],
                "outputs": [],
            }
        ],
    )
    call = artifact.functions.syncState(
        chains.record.child.child_chain_manager, encode(["uint256"], [1])
    )
    assert chains.send(chains.root_web3, call, STRANGER)["status"] == 0
    assert chains.settle_syncs() == []
    conserved(chains, books)

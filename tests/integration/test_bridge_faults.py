"""What is forged, replayed or lacks its quorum between two chains changes nothing, and what is
missing or refused arrives later: NMR is conserved all the while."""

from collections.abc import Iterator

import pytest
import rlp
from bridged_staker import STAKER, STRANGER, bridged_staker, on_child
from eth_abi import encode
from two_chains import NMR, TwoChains, two_chains
from vaulted_chains import Vaults, conserved
from web3.exceptions import ContractLogicError

from oracle.bridge.checkpoints import STEP, Tree, headers, newest
from oracle.bridge.reading import Books
from oracle.bridge.syncs import last_synced, sync_count
from oracle.chain.keys import dev_account
from oracle.devnet import relayer
from oracle.devnet.validators import Validators, checkpoint_data
from oracle.errors import UnreachableError

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("bridge")]

PATH, LOG = 8, 9


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


# ---------------------------------------------------------------------- messages


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

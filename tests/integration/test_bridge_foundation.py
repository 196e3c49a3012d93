"""Deposits and withdrawals through Polygon's own contracts on two chains, with genuine proofs."""

from collections.abc import Iterator
from typing import Any

import pytest
import rlp
from eth_abi import encode
from two_chains import NMR, TwoChains, two_chains
from web3.exceptions import ContractLogicError
from web3.types import TxReceipt

from oracle.bridge.checkpoints import covering, headers, newest
from oracle.bridge.exits import exit_id, exit_proof, is_exited
from oracle.bridge.syncs import SyncState, state_sync, sync_state, syncs_of
from oracle.chain.keys import dev_account
from oracle.devnet.artifacts import portal_artifacts
from oracle.errors import DifferenceError, InputError, RefusedError

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("bridge")]

STAKER, STRANGER = 10, 11
HEADER, BRANCH, NUMBER, TIME, TX_ROOT, RECEIPTS_ROOT, RECEIPT, PROOF, PATH, LOG = range(10)


@pytest.fixture(scope="module")
def both() -> Iterator[TwoChains]:
    """The staker has 1,000 NMR on the root chain and 500 on the child chain."""
    with two_chains() as chains:
        chains.give(STAKER, 1_500 * NMR)
        chains.deposit(STAKER, 500 * NMR)
        [synced] = chains.settle_syncs()
        assert synced.ok
        yield chains


@pytest.fixture
def chains(both: TwoChains) -> Iterator[TwoChains]:
    with both.undone():
        yield both


def balances(chains: TwoChains, account: int = STAKER) -> tuple[int, int]:
    """NMR on the root and on the child chain, in wei."""
    address = dev_account(account).address
    tokens = chains.root_token, chains.child_token
    root, child = (token.functions.balanceOf(address).call() for token in tokens)
    return root, child


def locked(chains: TwoChains) -> int:
    return chains.root_token.functions.balanceOf(chains.record.root.erc20_predicate).call()


def refusal(chains: TwoChains, payload: bytes) -> str:
    """Why the root chain refuses an exit; fails if it does not."""
    with pytest.raises(ContractLogicError) as caught:
        chains.manager.functions.exit(payload).call()
    return str(caught.value)


def changed(payload: bytes, field: int, value: Any) -> bytes:
    fields = rlp.decode(payload)
    return rlp.encode([value if i == field else old for i, old in enumerate(fields)])


def burnt_and_proved(chains: TwoChains, wei: int = NMR) -> bytes:
    burnt = chains.withdraw(STAKER, wei)
    chains.checkpoint()
    return chains.exit_of(burnt).payload


# ---------------------------------------------------------------------- down


def test_deposit__synced__is_minted_to_its_receiver(chains: TwoChains) -> None:
    before, to = balances(chains), dev_account(STRANGER).address
    receipt = chains.deposit(STAKER, 7 * NMR, to=to)
    [sent] = syncs_of(chains.root_web3, chains.record, receipt)
    assert sync_state(chains.child_web3, chains.record, sent.id) is SyncState.PENDING
    assert sent.receiver == chains.record.child.child_chain_manager
    assert sent == state_sync(chains.root_web3, chains.record, sent.id, receipt["blockNumber"])
    [synced] = chains.settle_syncs()
    assert (synced.id, synced.ok) == (sent.id, True)
    assert sync_state(chains.child_web3, chains.record, sent.id) is SyncState.DONE
    assert balances(chains, STRANGER) == (0, 7 * NMR)
    assert balances(chains) == (before[0] - 7 * NMR, before[1])
    assert locked(chains) == chains.child_token.functions.totalSupply().call()


def test_deposit__many_at_once__all_arrive_in_order(chains: TwoChains) -> None:
    before = balances(chains)
    for wei in range(1, 71):
        chains.deposit(STAKER, wei)
    chains.root.mine(3)
    first, rest = chains.relayer.sync(), chains.relayer.sync()
    ids = [each.id for each in (*first, *rest)]
    assert ids == list(range(ids[0], ids[0] + 70))
    assert all(each.ok for each in (*first, *rest))
    assert balances(chains)[1] == before[1] + sum(range(1, 71))


def test_deposit__child_chain_refuses__is_kept_and_replayed(chains: TwoChains) -> None:
    """The token's contract reverts for a while, as during a broken upgrade."""
    token = chains.record.child.token
    code = chains.child.ask("eth_getCode", token, "latest")
    receipt = chains.deposit(STAKER, NMR)
    [sent] = syncs_of(chains.root_web3, chains.record, receipt)
    before = balances(chains)[1]
    chains.child.ask("anvil_setCode", token, "0x60006000fd")
    [synced] = chains.settle_syncs()
    assert not synced.ok
    assert sync_state(chains.child_web3, chains.record, sent.id) is SyncState.FAILED
    chains.child.ask("anvil_setCode", token, code)
    replay = chains.state_receiver.functions.replayFailedStateSync(sent.id)
    chains.done(chains.child_web3, replay, STRANGER)
    assert sync_state(chains.child_web3, chains.record, sent.id) is SyncState.DONE
    assert balances(chains)[1] == before + NMR
    assert chains.send(chains.child_web3, replay, STRANGER)["status"] == 0


# ---------------------------------------------------------------------- up


def test_exit__checkpointed__pays_the_burner_whoever_sends_it(chains: TwoChains) -> None:
    before = balances(chains)
    burnt = chains.withdraw(STAKER, 20 * NMR)
    chains.checkpoint()
    proved = chains.exit_of(burnt)
    assert not is_exited(chains.root_web3, chains.record, proved.id)
    chains.done(chains.root_web3, chains.manager.functions.exit(proved.payload), STRANGER)
    assert balances(chains) == (before[0] + 20 * NMR, before[1] - 20 * NMR)
    assert is_exited(chains.root_web3, chains.record, proved.id)
    assert locked(chains) == chains.child_token.functions.totalSupply().call()


def test_exit__not_checkpointed__has_no_proof(chains: TwoChains) -> None:
    burnt = chains.withdraw(STAKER, NMR)
    with pytest.raises(RefusedError, match="in no checkpoint yet"):
        chains.exit_of(burnt)


@pytest.mark.parametrize("place", [-1, 1], ids=["before-the-first", "behind-the-last"])
def test_exit__log_that_is_not_there__has_no_proof(chains: TwoChains, place: int) -> None:
    burnt = chains.withdraw(STAKER, NMR)
    chains.checkpoint()
    digest = burnt["transactionHash"]
    with pytest.raises(InputError, match="has 1 logs"):
        exit_proof(chains.root_web3, chains.child_web3, chains.record, digest, place)


def in_one_block(chains: TwoChains, withdrawals: int, typed: bool = False) -> list[TxReceipt]:
    """Withdrawals of 1, 2, .. wei in one block; with typed transactions between them if wanted."""
    token, web3 = chains.child_token, chains.child_web3
    signer = dev_account(STAKER)
    nonce = web3.eth.get_transaction_count(signer.address)
    chains.child.ask("evm_setAutomine", False)
    sent = []
    for wei in range(1, withdrawals + 1):
        calls = [(token.functions.withdraw(wei), {"gasPrice": 100 * 10**9})]
        if typed:
            fees = {"maxFeePerGas": 100 * 10**9, "maxPriorityFeePerGas": 100 * 10**9}
            calls.append((token.functions.transfer(dev_account(STRANGER).address, 1), fees))
        for call, price in calls:
            fields = {"from": signer.address, "gas": 100_000, "nonce": nonce, **price}
            made = call.build_transaction({**fields, "chainId": web3.eth.chain_id})
            raw = signer.sign_transaction(made).raw_transaction
            sent.append(web3.eth.send_raw_transaction(raw))
            nonce += 1
    chains.child.mine()
    chains.child.ask("evm_setAutomine", True)
    receipts = [web3.eth.get_transaction_receipt(digest) for digest in sent]
    assert len({receipt["blockNumber"] for receipt in receipts}) == 1
    return receipts[:: 2 if typed else 1]


def test_exit__many_in_one_block__each_has_a_proof_of_its_own(chains: TwoChains) -> None:
    """More than 128 receipts: their paths in the trie have two lengths."""
    receipts = in_one_block(chains, 140)
    chains.checkpoint()
    before = balances(chains)[0]
    for place in (0, 1, 15, 16, 127, 128, 139):
        payload = chains.exit_of(receipts[place]).payload
        chains.done(chains.root_web3, chains.manager.functions.exit(payload), STRANGER)
    assert balances(chains)[0] == before + sum(p + 1 for p in (0, 1, 15, 16, 127, 128, 139))


def test_exit__among_typed_transactions__has_a_proof(chains: TwoChains) -> None:
    receipts = in_one_block(chains, 9, typed=True)
    chains.checkpoint()
    payload = chains.exit_of(receipts[5]).payload
    before = balances(chains)[0]
    chains.done(chains.root_web3, chains.manager.functions.exit(payload), STRANGER)
    assert balances(chains)[0] == before + 6


def test_exit__by_typed_transaction__is_refused_by_the_portals_version(chains: TwoChains) -> None:
    """The proof is good, as FxPortal's reader shows below; only this version cannot read it."""
    burnt = chains.withdraw(STAKER, NMR, legacy=False)
    chains.checkpoint()
    call = chains.manager.functions.exit(chains.exit_of(burnt).payload)
    assert chains.send(chains.root_web3, call, STRANGER)["status"] == 0


@pytest.mark.parametrize("blocks", [1, 2, 3, 31, 32, 33], ids=str)
def test_exit__checkpoint_of_any_length__has_a_branch(chains: TwoChains, blocks: int) -> None:
    chains.checkpoint()
    last = newest(chains.root_web3, chains.record)
    assert last is not None
    chains.child.mine(max(0, chains.child.head - last.end))
    chains.relayer.checkpoint(chains.child.head)
    burnt = chains.withdraw(STAKER, 5)
    if blocks > 1:
        chains.child.mine(blocks - 1)
    made = chains.relayer.checkpoint(chains.child.head)
    assert made is not None
    assert made.end - made.start + 1 == blocks
    before = balances(chains)[0]
    payload = chains.exit_of(burnt).payload
    chains.done(chains.root_web3, chains.manager.functions.exit(payload), STRANGER)
    assert balances(chains)[0] == before + 5


# ---------------------------------------------------------------------- attacks


def test_exit__again__is_refused(chains: TwoChains) -> None:
    payload = burnt_and_proved(chains)
    chains.done(chains.root_web3, chains.manager.functions.exit(payload), STRANGER)
    assert "EXIT_ALREADY_PROCESSED" in refusal(chains, payload)


@pytest.mark.parametrize("first", [0x20, 0x4F, 0x01], ids=hex)
def test_exit__again_under_another_spelling_of_its_path__is_refused(
    chains: TwoChains, first: int
) -> None:
    payload = burnt_and_proved(chains)
    chains.done(chains.root_web3, chains.manager.functions.exit(payload), STRANGER)
    path = rlp.decode(payload)[PATH]
    again = refusal(chains, changed(payload, PATH, bytes([first]) + path[1:]))
    assert "EXIT_ALREADY_PROCESSED" in again


@pytest.mark.parametrize(
    "field",
    [BRANCH, NUMBER, TIME, TX_ROOT, RECEIPTS_ROOT, RECEIPT, PROOF],
    ids=["branch", "number", "time", "tx-root", "receipts-root", "receipt", "proof"],
)
def test_exit__one_bit_of_a_field_changed__is_refused(chains: TwoChains, field: int) -> None:
    chains.child.mine(3)
    payload = burnt_and_proved(chains)
    old = rlp.decode(payload)[field]
    forged = changed(payload, field, old[:-1] + bytes([old[-1] ^ 1]))
    assert chains.manager.functions.exit(payload).call() == []
    refusal(chains, forged)


def test_exit__of_a_token_that_is_not_mapped__is_refused(chains: TwoChains) -> None:
    artifact = portal_artifacts()["RootNmr"]
    owner = dev_account(STRANGER).address
    contract = chains.child_web3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
    made = chains.done(
        chains.child_web3, contract.constructor(owner, owner), STRANGER, gas=5_000_000
    )
    fake = chains.child_web3.eth.contract(address=made["contractAddress"], abi=artifact.abi)
    burnt = chains.done(chains.child_web3, fake.functions.mint(1_000 * NMR), STRANGER, legacy=True)
    chains.checkpoint()
    digest = burnt["transactionHash"]
    proved = exit_proof(chains.root_web3, chains.child_web3, chains.record, digest, 0)
    assert "TOKEN_NOT_MAPPED" in refusal(chains, proved.payload)


def test_exit__of_a_transfer__is_refused(chains: TwoChains) -> None:
    transfer = chains.child_token.functions.transfer(dev_account(STRANGER).address, NMR)
    moved = chains.done(chains.child_web3, transfer, STAKER, legacy=True)
    chains.checkpoint()
    digest = moved["transactionHash"]
    proved = exit_proof(chains.root_web3, chains.child_web3, chains.record, digest, 0)
    assert "INVALID_RECEIVER" in refusal(chains, proved.payload)


def test_exit__token_stopped__waits_and_is_paid_later(chains: TwoChains) -> None:
    payload = burnt_and_proved(chains)
    nmr = portal_artifacts()["RootNmr"]
    token = chains.root_web3.eth.contract(address=chains.record.root.token, abi=nmr.abi)
    owner = chains.settings.token_owner
    chains.done(chains.root_web3, token.functions.emergencyStop(), owner)
    refusal(chains, payload)
    chains.done(chains.root_web3, token.functions.release(), owner)
    before = balances(chains)[0]
    chains.done(chains.root_web3, chains.manager.functions.exit(payload), STRANGER)
    assert balances(chains)[0] == before + NMR


def test_exit_proof__child_endpoint_on_another_fork__is_noticed(chains: TwoChains) -> None:
    """The checkpoint is of blocks that this endpoint does not have any more."""
    burnt = chains.withdraw(STAKER, NMR)
    chains.child.mine(1)
    chains.relayer.checkpoint(chains.child.head)
    chains.child.ask("anvil_reorg", 1, [])
    with pytest.raises(DifferenceError, match="are not those of checkpoint"):
        chains.exit_of(burnt)


# ---------------------------------------------------------------------- reading


def test_covering__every_block__is_in_the_one_checkpoint_that_has_it(chains: TwoChains) -> None:
    for blocks in (1, 4, 2, 7):
        chains.child.mine(blocks)
        chains.relayer.checkpoint(chains.child.head)
    head = chains.child.head
    found = [covering(chains.root_web3, chains.record, number) for number in range(head + 1)]
    assert all(c is not None and c.start <= n <= c.end for n, c in enumerate(found))
    assert covering(chains.root_web3, chains.record, head + 1) is None


def test_headers__read__hash_to_what_the_node_says(chains: TwoChains) -> None:
    chain = headers(chains.child_web3, 1, chains.child.head)
    assert [header.number for header in chain] == list(range(1, chains.child.head + 1))
    assert all(chain[i].parent == chain[i - 1].hash for i in range(1, len(chain)))


def test_exit_id__of_a_genuine_exit__is_what_the_contract_marks(chains: TwoChains) -> None:
    receipts = in_one_block(chains, 20)
    chains.checkpoint()
    for place in (0, 19):
        proved = chains.exit_of(receipts[place])
        assert proved.id == exit_id(receipts[place]["blockNumber"], place, 0)
        chains.done(chains.root_web3, chains.manager.functions.exit(proved.payload), STRANGER)
        assert is_exited(chains.root_web3, chains.record, proved.id)


def test_deposit__for_a_contract__only_adds_to_its_balance(chains: TwoChains) -> None:
    """By mistake: the tokens are minted to a contract that knows nothing of them."""
    contract = chains.record.child.fx_child
    call = chains.manager.functions.depositFor(
        contract, chains.record.root.token, encode(["uint256"], [NMR])
    )
    predicate = chains.record.root.erc20_predicate
    chains.done(chains.root_web3, chains.root_token.functions.approve(predicate, NMR), STAKER)
    chains.done(chains.root_web3, call, STAKER)
    [synced] = chains.settle_syncs()
    assert synced.ok
    assert chains.child_token.functions.balanceOf(contract).call() == NMR

"""The outbox on a real chain: crashes, fee spikes, reorganisations, nonces, money."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import kms_server
import pytest
from faulty_rpc import FaultyRpc
from local_anvil import LocalAnvil, local_anvil
from outbox_bench import GWEI, Bench, Crash, CrashAt, deploy
from web3 import Web3

from oracle.chain.drafts import FundsError
from oracle.chain.keys import dev_account
from oracle.chain.kms import KmsSigner
from oracle.chain.outbox import PendingError
from oracle.chain.rpc import connect
from oracle.chain.sender import Sender
from oracle.chain.sending_account import BROADCAST, MINED_SEEN, SIGNED, STORED
from oracle.chain.signing import LocalSigner
from oracle.chain.upkeep import STUCK_BLOCKS
from oracle.errors import RefusedError, UnreachableError

pytestmark = pytest.mark.chain


@pytest.fixture(scope="module")
def chain() -> Iterator[LocalAnvil]:
    with local_anvil() as started:
        yield started


@pytest.fixture(scope="module")
def contract(chain: LocalAnvil) -> Any:
    return deploy(Web3(Web3.HTTPProvider(chain.url)), dev_account(0))


@pytest.fixture
def bench(chain: LocalAnvil, contract: Any, tmp_path: Path) -> Bench:
    return Bench(chain, contract, tmp_path)


def statuses(bench: Bench) -> list[tuple[int, str]]:
    return [(row.nonce, row.status) for row in bench.rows()]


# ---------------------------------------------------------------------- all well


def test_send__chain_well__mined_then_final(bench: Bench) -> None:
    outbox = bench.outbox()
    receipt = outbox.send(bench.again(1))
    assert receipt["status"] == 1
    assert bench.count(1) == 1
    assert statuses(bench) == [(0, "mined")]
    outbox.tend(bench.at(receipt["blockNumber"] - 1))
    assert statuses(bench) == [(0, "mined")]
    outbox.tend(bench.at(receipt["blockNumber"]))
    assert statuses(bench) == [(0, "final")]


def test_tend__final_for_a_long_time__bodies_go_and_the_next_call_is_sent_as_ever(
    bench: Bench,
) -> None:
    outbox = bench.outbox()
    receipt = outbox.send(bench.again(1))
    final = bench.at(receipt["blockNumber"])
    outbox.tend(final)
    assert all(len(row.raw) > 100 and row.data for row in bench.rows())
    outbox.tend(replace(final, timestamp=final.timestamp + 91 * 86_400))
    [row] = bench.rows()
    assert (row.status, row.raw, row.data) == ("final", b"", b"")
    assert bytes(row.hash) == bytes(receipt["transactionHash"])
    outbox.send(bench.again(1))
    assert bench.count(1) == 2


def test_send__same_call_once_more_after_the_first__sent_again(bench: Bench) -> None:
    outbox = bench.outbox()
    outbox.send(bench.again(2))
    outbox.send(bench.again(2))
    assert bench.count(2) == 2
    assert statuses(bench) == [(0, "mined"), (1, "mined")]


def test_send__contract_refuses__nothing_kept_and_no_nonce_used(bench: Bench) -> None:
    outbox = bench.outbox()
    outbox.send(bench.once(3))
    with pytest.raises(RefusedError, match="bench: done"):
        outbox.send(bench.once(3))
    assert bench.next_nonce() == 1
    assert statuses(bench) == [(0, "mined")]


def test_send__not_mined__pending_and_the_same_call_is_not_sent_twice(bench: Bench) -> None:
    outbox = bench.outbox()
    bench.auto(False)
    for _ in range(3):
        with pytest.raises(PendingError, match="again: transaction 0x"):
            outbox.send(bench.again(4))
    assert [(s.nonce, s.call) for s in outbox.pending()] == [(0, "again")]
    bench.mine()
    assert outbox.send(bench.again(4))["status"] == 1
    assert bench.count(4) == 1
    assert statuses(bench) == [(0, "mined")]


def test_send__from_four_threads__four_nonces(bench: Bench) -> None:
    outbox = bench.outbox(wait=20)
    sends = [threading.Thread(target=outbox.send, args=(bench.again(10 + n),)) for n in range(4)]
    for thread in sends:
        thread.start()
    for thread in sends:
        thread.join()
    assert [bench.count(10 + n) for n in range(4)] == [1, 1, 1, 1]
    assert [nonce for nonce, _ in statuses(bench)] == [0, 1, 2, 3]


# ---------------------------------------------------------------------- crashes


@pytest.mark.parametrize(
    ("place", "kept", "sent"),
    [(SIGNED, False, False), (STORED, True, False), (BROADCAST, True, True)],
)
def test_restart__killed_at_each_place__call_arrives_once(
    bench: Bench, place: str, kept: bool, sent: bool
) -> None:
    bench.auto(False)
    with pytest.raises(Crash):
        bench.outbox(at=CrashAt(place)).send(bench.again(5))
    restarted = bench.outbox()
    assert len(restarted.pending()) == kept
    assert [bench.waits(row) for row in restarted.pending()] == [sent] * kept
    restarted.tend(bench.newest())
    assert all(bench.waits(row) for row in restarted.pending())
    with pytest.raises(PendingError):
        restarted.send(bench.again(5))
    bench.mine()
    restarted.tend(bench.newest())
    assert bench.count(5) == 1
    assert statuses(bench) == [(0, "final")]


def test_restart__killed_once_mined__seen_again_and_not_sent_again(bench: Bench) -> None:
    with pytest.raises(Crash):
        bench.outbox(at=CrashAt(MINED_SEEN)).send(bench.once(6))
    restarted = bench.outbox()
    restarted.tend(bench.newest())
    assert statuses(bench) == [(0, "final")]
    assert bench.next_nonce() == 1


def test_restart__call_made_by_another_meanwhile__not_sent_and_no_gas_lost(bench: Bench) -> None:
    with pytest.raises(Crash):
        bench.outbox(at=CrashAt(STORED)).send(bench.once(7))
    bench.outbox(bench.new_account()).send(bench.once(7))
    restarted = bench.outbox()
    with pytest.raises(RefusedError, match="refuses it by now"):
        restarted.tend(bench.newest())
    assert statuses(bench) == [(0, "failed")]
    assert bench.next_nonce() == 0
    assert restarted.send(bench.again(7))["status"] == 1
    assert bench.next_nonce() == 1


# ---------------------------------------------------------------------- fees


def test_tend__base_fee_above_the_offer__replaced_and_mined_once(bench: Bench) -> None:
    outbox = bench.outbox()
    bench.auto(False)
    with pytest.raises(PendingError):
        outbox.send(bench.again(20))
    [first] = outbox.pending()
    bench.base_fee(40 * GWEI)
    bench.mine()
    assert bench.count(20) == 0
    outbox.tend(bench.newest())
    [second] = outbox.pending()
    assert second.max_fee >= -(-first.max_fee * 9 // 8)
    assert second.tip >= -(-first.tip * 9 // 8)
    bench.mine()
    outbox.tend(bench.newest())
    assert bench.count(20) == 1
    assert statuses(bench) == [(0, "replaced"), (0, "final")]


def test_tend__no_new_block__fee_is_not_raised(bench: Bench) -> None:
    """While finality or the chain stands still, an offer must not climb by itself."""
    outbox = bench.outbox()
    bench.auto(False)
    with pytest.raises(PendingError):
        outbox.send(bench.again(21))
    bench.base_fee(40 * GWEI)
    for _ in range(5):
        outbox.tend(bench.newest())
    assert statuses(bench) == [(0, "pending")]


def test_tend__fee_needed_is_above_the_cap__waits_and_arrives_when_fees_fall(
    bench: Bench,
) -> None:
    outbox = bench.outbox(max_fee_gwei=5)
    bench.auto(False)
    with pytest.raises(PendingError):
        outbox.send(bench.again(22))
    bench.base_fee(100 * GWEI)
    bench.mine()
    for _ in range(4):
        outbox.tend(bench.newest())
        bench.base_fee(100 * GWEI)
        bench.mine()
    assert max(int(row.max_fee) for row in bench.rows()) <= 5 * GWEI
    assert bench.count(22) == 0
    bench.base_fee(GWEI)
    bench.mine()
    outbox.tend(bench.newest())  # anvil forgets what it could not put into a block
    bench.mine()
    assert bench.count(22) == 1


def test_send__fee_spike_while_it_waits__replaced_by_itself(bench: Bench) -> None:
    outbox = bench.outbox(wait=30)
    bench.auto(False)
    done: list[Any] = []
    sending = threading.Thread(target=lambda: done.append(outbox.send(bench.again(23))))
    sending.start()
    while not outbox.pending():
        pass
    while sending.is_alive():
        bench.base_fee(40 * GWEI)
        bench.mine()
        sending.join(0.05)
    assert done[0]["status"] == 1
    assert bench.count(23) == 1
    assert len(bench.rows()) >= 2


def test_replaced__the_first_one_is_mined_all_the_same__counted_once(bench: Bench) -> None:
    """A node that never heard of the replacement may mine what it replaced."""
    outbox = bench.outbox()
    bench.auto(False)
    with pytest.raises(PendingError):
        outbox.send(bench.again(24))
    [first] = outbox.pending()
    bench.base_fee(20 * GWEI)
    bench.mine()
    outbox.tend(bench.newest())
    [second] = outbox.pending()
    bench.drop(second)
    bench.base_fee(GWEI)
    bench.mine()
    bench.web3.eth.send_raw_transaction(first.raw)
    bench.mine()
    outbox.tend(bench.newest())
    assert bench.count(24) == 1
    assert statuses(bench) == [(0, "final"), (0, "replaced")]


def test_replaced__call_with_access_list__keeps_it(bench: Bench) -> None:
    outbox = bench.outbox()
    bench.auto(False)
    call = bench.contract.functions.touch(60)
    with pytest.raises(PendingError):
        outbox.send(call, access_list=True)
    bench.base_fee(40 * GWEI)
    bench.mine()
    outbox.tend(bench.newest())
    [second] = outbox.pending()
    listed = bench.web3.eth.get_transaction(second.hash)["accessList"]
    assert sum(len(item["storageKeys"]) for item in listed) >= 60


# ---------------------------------------------------------------------- lost and reorganised


def test_tend__node_dropped_it__sent_again(bench: Bench) -> None:
    outbox = bench.outbox()
    bench.auto(False)
    with pytest.raises(PendingError):
        outbox.send(bench.again(30))
    [sent] = outbox.pending()
    bench.drop(sent)
    assert not bench.waits(sent)
    outbox.tend(bench.newest())
    assert bench.waits(sent)
    bench.mine()
    outbox.tend(bench.newest())
    assert bench.count(30) == 1


@pytest.mark.parametrize("depth", [1, 5, 20])
def test_tend__block_reorganised_away__pending_again_and_mined_again(
    bench: Bench, depth: int
) -> None:
    outbox = bench.outbox()
    finalized = bench.newest()
    first = outbox.send(bench.again(31))
    bench.mine(depth - 1)
    bench.auto(False)
    bench.chain.ask("anvil_reorg", depth, [])
    assert bench.count(31) == 0
    outbox.tend(finalized)
    [waiting] = outbox.pending()
    assert bench.waits(waiting)
    bench.mine()
    outbox.tend(bench.newest())
    assert bench.count(31) == 1
    [row] = bench.rows()
    assert row.status == "final"
    assert row.block_hash != bytes(first["blockHash"])


def test_tend__reorganised_before_the_new_block_is_final__not_closed_on_the_old_one(
    bench: Bench,
) -> None:
    """A second outbox of the process mines it in another block; its row follows."""
    outbox = bench.outbox()
    first = outbox.send(bench.again(32))
    bench.auto(False)
    bench.chain.ask("anvil_reorg", 1, [])
    bench.web3.eth.send_raw_transaction(outbox.store.open(bench.account.address)[0][0].raw)
    bench.mine(2)
    outbox.tend(bench.at(first["blockNumber"] - 1))
    [row] = bench.rows()
    assert row.status == "mined"
    assert row.block_hash == bytes(bench.web3.eth.get_block(row.block_number)["hash"])
    assert row.block_hash != bytes(first["blockHash"])


@pytest.mark.parametrize("mining", [True, False])
def test_send__answer_lost_after_the_node_took_it__arrives_once(bench: Bench, mining: bool) -> None:
    bench.auto(mining)
    with FaultyRpc(bench.chain.url) as proxy:
        outbox = bench.outbox(web3=connect(proxy.url), wait=20)
        proxy.set(lost_response={"methods": ["eth_sendRawTransaction"], "times": 1})
        done: list[Any] = []
        sending = threading.Thread(target=lambda: done.append(outbox.send(bench.again(33))))
        sending.start()
        while sending.is_alive():
            if any(map(bench.waits, outbox.pending())):
                bench.mine()
            sending.join(0.05)
        assert proxy.state()["faults"]["lost_response"]["times"] == 0
    assert done[0]["status"] == 1
    assert bench.count(33) == 1
    assert bench.next_nonce() == 1


class Lying(Web3.HTTPProvider):
    """An endpoint that answers the methods in ``lies`` itself, each so often as it has lies."""

    def __init__(self, url: str, **lies: list[Any]) -> None:
        super().__init__(url)
        self.lies = lies

    def make_request(self, method: Any, params: Any) -> Any:
        if self.lies.get(method):
            return {"jsonrpc": "2.0", "id": 1, **self.lies[method].pop(0)}
        return super().make_request(method, params)


def test_send__refused_once_then_made_again_alike__looked_after(bench: Bench) -> None:
    """The same nonce, call and fees make the same transaction, the one that was given up."""
    bench.auto(False)
    full = {"error": {"code": -32000, "message": "txpool is full"}}
    outbox = bench.outbox(web3=Web3(Lying(bench.chain.url, eth_sendRawTransaction=[full])))
    with pytest.raises(RefusedError, match="txpool is full"):
        outbox.send(bench.again(60))
    with pytest.raises(PendingError):
        outbox.send(bench.again(60))
    [waiting] = outbox.pending()
    assert bench.waits(waiting)
    bench.mine()
    outbox.tend(bench.newest())
    assert (bench.count(60), statuses(bench)) == (1, [(0, "final")])


def test_send__two_processes_make_one_call_at_once__sent_once(bench: Bench) -> None:
    """The second has chosen its nonce when the first sends; a node takes no second one for it."""
    bench.auto(False)
    cheap = {"error": {"code": -32000, "message": "replacement transaction underpriced"}}
    node = Web3(Lying(bench.chain.url, eth_sendRawTransaction=[cheap]))
    first, first_sent = bench.outbox(), False

    def at(place: str) -> None:
        nonlocal first_sent
        if place == SIGNED and not first_sent:
            first_sent = True
            bench.base_fee(2 * GWEI)  # so that their fees differ
            with pytest.raises(PendingError):
                first.send(bench.again(62))

    with pytest.raises(PendingError):
        bench.outbox(web3=node, at=at).send(bench.again(62))
    assert statuses(bench) == [(0, "pending")]
    bench.mine(2)
    assert bench.count(62) == 1


def test_tend__an_endpoint_makes_a_receipt_up__not_closed_and_mined_later(bench: Bench) -> None:
    bench.auto(False)
    outbox = bench.outbox()
    with pytest.raises(PendingError):
        outbox.send(bench.again(61))
    [waiting] = outbox.pending()
    [final] = [bench.web3.eth.get_block("latest")]
    receipt = {
        "transactionHash": waiting.hash.hex(),
        "blockNumber": hex(final["number"]),
        "blockHash": final["hash"].to_0x_hex(),
        "status": "0x1",
    }
    lies = {"eth_getTransactionReceipt": [{"result": receipt}]}
    bench.outbox(web3=Web3(Lying(bench.chain.url, **lies))).tend(bench.newest())
    assert statuses(bench) == [(0, "pending")]
    bench.mine()
    outbox.tend(bench.newest())
    assert (bench.count(61), statuses(bench)) == (1, [(0, "final")])


# ---------------------------------------------------------------------- nonces


def test_send__foreign_transaction_waits__next_nonce_taken(bench: Bench) -> None:
    bench.auto(False)
    bench.foreign(0, 5 * GWEI)
    with pytest.raises(PendingError):
        bench.outbox().send(bench.again(40))
    assert statuses(bench) == [(1, "pending")]
    bench.mine()
    bench.outbox().tend(bench.newest())
    assert bench.count(40) == 1


def test_tend__foreign_transaction_below_is_dropped__gap_filled(bench: Bench) -> None:
    outbox = bench.outbox()
    bench.auto(False)
    foreign = bench.foreign(0, 5 * GWEI)
    with pytest.raises(PendingError):
        outbox.send(bench.again(41))
    bench.chain.ask("anvil_dropTransaction", "0x" + foreign.hex())
    bench.mine()
    assert bench.next_nonce() == 0
    outbox.tend(bench.newest())
    bench.mine()
    outbox.tend(bench.newest())
    assert bench.count(41) == 1
    assert [(r.nonce, r.call, r.status) for r in bench.rows()] == [
        (0, "fill", "final"),
        (1, "again", "final"),
    ]


def test_tend__foreign_transaction_below_is_stuck__gets_its_time_and_is_outbid(
    bench: Bench,
) -> None:
    outbox = bench.outbox()
    bench.auto(False)
    bench.foreign(0, 30 * GWEI, 20 * GWEI, gas=5_000_000)
    with pytest.raises(PendingError):
        outbox.send(bench.again(42))
    bench.gas_limit(1_000_000)  # so that no block has room for it
    try:
        for _ in range(STUCK_BLOCKS - 1):
            bench.mine()
            outbox.tend(bench.newest())
        assert {row.call for row in bench.rows()} == {"again"}
        for _ in range(30):
            bench.mine()
            outbox.tend(bench.newest())
    finally:
        bench.gas_limit(30_000_000)
    assert bench.count(42) == 1
    assert bench.next_nonce() == 2


def test_send__gap_below_a_waiting_one__filled_by_the_next_call(bench: Bench) -> None:
    outbox = bench.outbox()
    bench.auto(False)
    foreign = bench.foreign(0, 5 * GWEI)
    with pytest.raises(PendingError):
        outbox.send(bench.again(43))
    bench.chain.ask("anvil_dropTransaction", "0x" + foreign.hex())
    with pytest.raises(PendingError):
        outbox.send(bench.again(44))
    bench.mine()
    outbox.tend(bench.newest())
    bench.mine()
    outbox.tend(bench.newest())
    assert (bench.count(43), bench.count(44)) == (1, 1)
    assert statuses(bench) == [(0, "final"), (1, "final")]


def test_tend__nonce_used_for_good_by_another__given_up_once_final(bench: Bench) -> None:
    """That is how a person cancels a transaction from a wallet; it must not come back."""
    outbox = bench.outbox()
    bench.auto(False)
    with pytest.raises(PendingError):
        outbox.send(bench.again(45))
    bench.foreign(0, 50 * GWEI, 40 * GWEI)
    bench.mine()
    outbox.tend(bench.at(bench.newest().number - 1))
    assert statuses(bench) == [(0, "pending")]
    outbox.tend(bench.newest())
    assert statuses(bench) == [(0, "failed")]
    assert outbox.pending() == []
    assert bench.count(45) == 0


def test_send__node_counts_too_few__goes_on_with_the_next_nonce(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node behind the others tells a nonce that is used already."""
    Sender(bench.web3, bench.chain.url, LocalSigner(bench.account)).send(bench.again(46))
    outbox = bench.outbox(wait=10)
    honest = bench.web3.eth.get_transaction_count
    told = [0]
    monkeypatch.setattr(
        bench.web3.eth,
        "get_transaction_count",
        lambda *asked: told.pop() if told else honest(*asked),
    )
    assert outbox.send(bench.again(46))["status"] == 1
    assert bench.count(46) == 2
    assert statuses(bench) == [(0, "failed"), (1, "mined")]


def test_send__two_accounts_make_one_call_at_once__one_succeeds(bench: Bench) -> None:
    accounts = [bench.new_account(), bench.new_account()]
    outboxes = [bench.outbox(account, wait=20) for account in accounts]
    bench.auto(False)
    outcomes: list[Any] = []

    def send(n: int) -> None:
        try:
            outcomes.append(outboxes[n].send(bench.once(47))["status"])
        except RefusedError as error:
            outcomes.append(error.message)

    sends = [threading.Thread(target=send, args=(n,)) for n in range(2)]
    for thread in sends:
        thread.start()
    while sum(bench.waits(sent) for outbox in outboxes for sent in outbox.pending()) < 2:
        pass
    bench.mine()
    for thread in sends:
        thread.join()
    lost = [outcome for outcome in outcomes if outcome != 1]
    assert outcomes.count(1) == 1
    assert len(lost) == 1
    assert "reverted" in lost[0]
    for outbox in outboxes:
        outbox.tend(bench.newest())
    assert sorted(row.status for a in accounts for row in bench.rows(a)) == ["failed", "final"]


# ---------------------------------------------------------------------- money


def test_send__no_money__names_address_balance_and_need(bench: Bench) -> None:
    bench.fund(bench.account.address, 10**12)
    with pytest.raises(FundsError) as caught:
        bench.outbox().send(bench.again(50))
    said = caught.value.message
    assert bench.account.address in said
    assert "0.000001 of the chain's coin" in said
    assert "again may need 0.000" in said
    assert bench.rows() == []
    bench.fund(bench.account.address, 10**18)
    assert bench.outbox().send(bench.again(50))["status"] == 1


def test_tend__money_gone_while_it_waits__said_and_arrives_once_it_is_back(bench: Bench) -> None:
    outbox = bench.outbox()
    bench.auto(False)
    with pytest.raises(PendingError):
        outbox.send(bench.again(51))
    [sent] = outbox.pending()
    bench.drop(sent)
    bench.fund(bench.account.address, 10**9)
    with pytest.raises(FundsError, match=bench.account.address):
        outbox.tend(bench.newest())
    assert outbox.balance() == 10**9
    bench.fund(bench.account.address, 10**18)
    outbox.tend(bench.newest())
    bench.mine()
    outbox.tend(bench.newest())
    assert bench.count(51) == 1


def test_sender__no_money__same_error(bench: Bench) -> None:
    bench.fund(bench.account.address, 0)
    sender = Sender(bench.web3, bench.chain.url, LocalSigner(bench.account))
    with pytest.raises(FundsError, match="holds 0 of the chain's coin"):
        sender.send(bench.again(52))


# ---------------------------------------------------------------------- access lists


def test_send__many_slots__access_list_lowers_the_gas(bench: Bench) -> None:
    outbox, call = bench.outbox(), bench.contract.functions.touch(80)
    outbox.send(call)  # so that each time the slots hold something
    plain = outbox.send(call)["gasUsed"]
    listed = outbox.send(call, access_list=True)["gasUsed"]
    assert listed < plain


def test_send__few_slots__no_access_list(bench: Bench) -> None:
    receipt = bench.outbox().send(bench.contract.functions.touch(2), access_list=True)
    sent = bench.web3.eth.get_transaction(receipt["transactionHash"])
    assert sent["accessList"] == []


def test_send__node_dead__unreachable_and_nothing_kept(bench: Bench) -> None:
    outbox = bench.outbox()
    outbox.web3.provider.endpoint_uri, right = "http://127.0.0.1:1", bench.chain.url
    try:
        with pytest.raises(UnreachableError, match="no answer"):
            outbox.send(bench.again(60))
    finally:
        outbox.web3.provider.endpoint_uri = right
    assert bench.rows() == []


# ---------------------------------------------------------------------- keys elsewhere


def test_send__key_in_kms__taken_by_the_chain(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in kms_server.NO_CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with kms_server.kms_server() as url:
        signer = KmsSigner(kms_server.new_key(url), kms_server.REGION, url)
        bench.fund(signer.address, 10**18)
        outbox = bench.outbox(signer=signer)
        for n in range(8):  # s is low by itself in every second signature only
            receipt = outbox.send(bench.again(70 + n))
            assert receipt["from"] == signer.address
    assert [bench.count(70 + n) for n in range(8)] == [1] * 8


def test_outbox__trouble_of_every_kind__key_in_no_log_and_no_error(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    outbox, said = bench.outbox(), ""
    bench.auto(False)
    for spoil in (lambda: None, lambda: bench.fund(bench.account.address, 1)):
        spoil()
        with pytest.raises(RefusedError) as caught:
            outbox.send(bench.again(80 + bool(said)))
        said += f"{caught.value} {caught.value.fix}"
    assert bench.account.address in said
    assert bench.account.key.hex() not in said + caplog.text

"""Transfers between two real chains: the whole way, crashes, refusals, and what others do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bridge_bench import Bench
from eth_utils import keccak
from two_chains import NMR, TwoChains, two_chains
from web3 import Web3

from oracle.bridge.client import Bridge, Progress
from oracle.bridge.deposits import APPROVE
from oracle.bridge.interfaces import CHILD_TOKEN
from oracle.bridge.steps import BROADCAST, SIGNED, STORED, SURE_BLOCKS, Stepper
from oracle.bridge.transfers import STAGES, Kind, Stage, Transfer
from oracle.chain.drafts import FundsError
from oracle.chain.keys import dev_account
from oracle.chain.upkeep import STUCK_BLOCKS
from oracle.errors import InputError, RefusedError, UnreachableError

pytestmark = pytest.mark.chain

DEPOSITOR = keccak(text="DEPOSITOR_ROLE")


@pytest.fixture(scope="module")
def chains() -> Iterator[TwoChains]:
    with two_chains() as started:
        yield started


@pytest.fixture
def bench(chains: TwoChains, tmp_path: Path) -> Iterator[Bench]:
    with chains.undone():
        yield Bench(chains, tmp_path)
        for chain in (chains.root, chains.child):
            chain.ask("evm_setAutomine", True)


def locks(bench: Bench) -> int:
    """How much the bridge holds for what this test locked, in whole NMR."""
    return bench.on_root(bench.chains.record.root.erc20_predicate)


def arrive(bench: Bench) -> None:
    """State syncs reach the child chain, and are final there."""
    bench.chains.settle_syncs()
    bench.chains.child.mine(3)


def role(bench: Bench, function: str) -> None:
    """Grants or revokes the right of the child chain's bridge to mint."""
    token = bench.chains.child_web3.eth.contract(
        address=bench.chains.record.child.token,
        abi=[*CHILD_TOKEN, {**_named(CHILD_TOKEN, "grantRole"), "name": "revokeRole"}],  # type: ignore[call-overload]
    )
    call = token.functions[function](DEPOSITOR, bench.chains.record.child.child_chain_manager)
    bench.chains.done(bench.chains.child_web3, call, bench.chains.settings.admin)


def _named(abi: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in abi if entry.get("name") == name)


def stop(bench: Bench, function: str = "emergencyStop") -> Any:
    abi = [{"type": "function", "name": function, "stateMutability": "nonpayable"}]
    abi[0] |= {"inputs": [], "outputs": []}  # type: ignore[dict-item]
    token = bench.chains.root_web3.eth.contract(address=bench.chains.record.root.token, abi=abi)  # type: ignore[call-overload]
    return token.functions[function]()


def stopped(bench: Bench, function: str = "emergencyStop") -> None:
    """Stops NMR, or releases it."""
    bench.chains.done(
        bench.chains.root_web3, stop(bench, function), bench.chains.settings.token_owner
    )


# ---------------------------------------------------------------------- the whole way


def test_deposit__all_well__every_stage_and_its_block_time(bench: Bench) -> None:
    bridge = bench.bridge()
    transfer = bridge.deposit(5 * NMR)
    assert transfer.stage is Stage.LOCKED
    assert (bench.on_root(), bench.on_child(), locks(bench)) == (95, 0, 5)
    assert bridge.advance(transfer.id).stage is Stage.LOCKED
    [synced] = bench.chains.settle_syncs()
    transfer = bridge.advance(transfer.id)
    assert (transfer.stage, transfer.sync) == (Stage.SYNCED, synced.id)
    minted = bench.chains.child_web3.eth.get_block(synced.block)["timestamp"]
    assert transfer.times[Stage.SYNCED] == minted
    bench.chains.child.mine(3)
    transfer = bridge.advance(transfer.id)
    assert list(transfer.times) == [Stage.LOCKED, Stage.SYNCED, Stage.USABLE]
    assert transfer.settled
    assert (bench.on_root(), bench.on_child()) == (95, 5)
    assert bridge.status(transfer.id) == transfer


def test_withdraw__all_well__every_stage_and_its_block_time(bench: Bench) -> None:
    bench.bring_in(20 * NMR)
    bridge = bench.bridge()
    transfer = bridge.withdraw(8 * NMR)
    assert transfer.stage is Stage.BURNT
    assert bench.on_child() == 12
    assert bridge.advance(transfer.id).stage is Stage.BURNT
    made = bench.chains.checkpoint()
    assert made is not None
    assert bridge.status(transfer.id).stage is Stage.CHECKPOINTED
    assert bench.on_root() == 80, "looking pays nothing"
    transfer = bridge.advance(transfer.id)
    assert transfer.stage is Stage.EXITED
    assert transfer.times[Stage.CHECKPOINTED] == made.created_at
    assert bench.on_root() == 88
    assert not transfer.settled
    bench.chains.root.mine(3)
    assert bridge.advance(transfer.id).settled


def test_withdraw__portal_of_the_npm_package__sent_as_type_0(bench: Bench) -> None:
    bench.bring_in(5 * NMR)
    transfer = bench.bridge().withdraw(NMR)
    sent = bench.chains.child_web3.eth.get_transaction(transfer.steps["burn"][0].hash)  # type: ignore[arg-type]
    assert sent["type"] == 0


def test_withdraw__portal_without_stand_in__sent_as_type_2(bench: Bench) -> None:
    bench.bring_in(5 * NMR)
    record = bench.chains.record.model_copy(update={"stand_ins": {}})
    transfer = bench.bridge(record=record).withdraw(NMR)
    sent = bench.chains.child_web3.eth.get_transaction(transfer.steps["burn"][0].hash)  # type: ignore[arg-type]
    assert sent["type"] == 2


def test_deposit__to_somebody_else__they_have_it(bench: Bench) -> None:
    other = dev_account(20).address
    transfer = bench.bridge().deposit(5 * NMR, other.lower())
    arrive(bench)
    assert bench.bridge().advance(transfer.id).is_over
    assert (bench.on_child(), bench.on_child(other)) == (0, 5)


def test_deposit__twice_the_same__two_transfers(bench: Bench) -> None:
    bridge = bench.bridge()
    first, second = bridge.deposit(5 * NMR), bridge.deposit(5 * NMR)
    arrive(bench)
    assert all(bridge.advance(one.id).is_over for one in (first, second))
    assert (bench.on_root(), bench.on_child()) == (90, 10)


def test_wait__relayer_at_work__told_of_each_stage(bench: Bench) -> None:
    bridge, heard = bench.bridge(), list[Progress]()
    transfer = bridge.deposit(5 * NMR)

    def hear(progress: Progress) -> None:
        heard.append(progress)
        arrive(bench)

    done = bridge.wait(transfer.id, progress=hear, longest_pause=0.1)
    assert done.is_over
    stages = [progress.transfer.stage for progress in heard]
    assert list(dict.fromkeys(stages)) == [Stage.LOCKED, Stage.USABLE]
    assert heard[0].estimate is not None
    assert heard[0].estimate.of == 0, "nobody has bridged before, and nothing is made up"


def test_wait__until_a_stage__no_further(bench: Bench) -> None:
    bench.bring_in(5 * NMR)
    bridge = bench.bridge()
    transfer = bridge.withdraw(NMR)
    assert bridge.wait(transfer.id, Stage.BURNT).stage is Stage.BURNT


def test_estimate__earlier_transfers__by_their_waits(bench: Bench) -> None:
    bench.bring_in(5 * NMR)
    bench.chains.checkpoint()
    bridge = bench.bridge()
    deposit, burnt = bridge.deposit(NMR), bridge.withdraw(NMR)
    by_sync, by_checkpoint = bridge.estimate(deposit), bridge.estimate(burnt)
    assert by_sync is not None
    assert by_sync.of == 1
    assert by_checkpoint is not None
    assert by_checkpoint.of == 3


# ---------------------------------------------------------------------- NMR's approval


@pytest.mark.parametrize(
    ("before", "wanted", "call"),
    [(0, 5, "approve"), (3, 5, "changeApproval"), (5, 5, None), (9, 5, None)],
    ids=["none", "too-low", "enough", "more"],
)
def test_deposit__allowance_there_before__changed_as_nmr_takes_it(
    bench: Bench, before: int, wanted: int, call: str | None
) -> None:
    spender = bench.chains.record.root.erc20_predicate
    if before:
        approve = bench.chains.root_token.functions.approve(spender, before * NMR)
        bench.chains.done(bench.chains.root_web3, approve, bench.account)
    transfer = bench.bridge().deposit(wanted * NMR)
    assert transfer.stage is Stage.LOCKED
    assert bench.allowance() == (max(before, wanted) - wanted) * NMR
    sent = transfer.sent("approve")
    assert len(sent) == (call is not None)
    if call is not None:
        made = bench.chains.root_web3.eth.get_transaction(sent[0].hash)  # type: ignore[arg-type]
        function, _ = bench.chains.root_token.decode_function_input(made["input"])
        assert function.fn_name == call


def test_deposit__something_else_used_the_allowance__approved_again(bench: Bench) -> None:
    bench.killed(STORED, 2, "deposit", str(5 * NMR))  # approved; the lock is not sent
    [stuck] = bench.bridge().files.all()
    assert bench.allowance() == 5 * NMR
    chains = bench.chains
    amount = (5 * NMR).to_bytes(32, "big")
    lock = chains.manager.functions.depositFor(bench.address, chains.record.root.token, amount)
    chains.done(chains.root_web3, lock, bench.account)
    chains.root.mine(SURE_BLOCKS)
    assert bench.bridge().advance(stuck.id).stage is Stage.LOCKED
    assert locks(bench) == 10


def test_advance__approval_mined_between_two_looks__locked_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.chains.root.ask("evm_setAutomine", False)
    bridge = bench.bridge()
    transfer = bridge.deposit(5 * NMR)
    assert transfer.stage is Stage.APPROVING
    look = Stepper.receipt

    def late(self: Stepper, transfer: Transfer, step: str) -> Any:
        if step == APPROVE:
            bench.chains.root.ask("evm_setAutomine", True)
            bench.chains.root.mine(1)
        return look(self, transfer, step)

    monkeypatch.setattr(Stepper, "receipt", late)
    assert bridge.advance(transfer.id).stage is Stage.LOCKED
    assert locks(bench) == 5


def test_deposit__an_earlier_one_was_kept_and_not_sent__that_one_first(bench: Bench) -> None:
    """Its transaction has the nonce that is next, and may be the same to the last byte: two
    transfers would both find that one transaction, and count it as theirs."""
    bench.killed(STORED, 2, "deposit", str(5 * NMR))
    [stuck] = bench.bridge().files.all()
    with pytest.raises(RefusedError, match="waits for the same nonce") as caught:
        bench.bridge().deposit(5 * NMR)
    assert stuck.id in caught.value.fix
    assert [one.id for one in bench.bridge().files.all()] == [stuck.id]
    assert bench.bridge().advance(stuck.id).stage is Stage.LOCKED
    assert bench.bridge().deposit(5 * NMR).stage is Stage.LOCKED
    assert locks(bench) == 10


def test_deposit__exit_kept_and_made_needless_by_a_stranger__not_held_up(bench: Bench) -> None:
    """The kept exit is of no use to anybody, and nothing sends it any more."""
    bench.bring_in(20 * NMR)
    transfer = bench.bridge().withdraw(8 * NMR)
    bench.chains.checkpoint()
    bench.killed(STORED, 1, "advance", transfer.id)
    burn = bench.chains.child_web3.eth.get_transaction_receipt(transfer.sent("burn")[0].hash)  # type: ignore[arg-type]
    call = bench.chains.manager.functions.exit(bench.chains.exit_of(burn).payload)
    bench.chains.done(bench.chains.root_web3, call, 20)
    assert bench.bridge().advance(transfer.id).stage is Stage.EXITED
    with pytest.raises(RefusedError, match="waits for the same nonce"):
        bench.bridge().deposit(5 * NMR)
    bench.chains.root.mine(3)
    assert bench.bridge().advance(transfer.id).settled
    assert bench.bridge().deposit(5 * NMR).stage is Stage.LOCKED


def test_withdraw__replay_kept_and_made_needless_by_a_stranger__not_held_up(bench: Bench) -> None:
    bench.bring_in(20 * NMR)
    role(bench, "revokeRole")
    transfer = bench.bridge().deposit(5 * NMR)
    arrive(bench)
    role(bench, "grantRole")
    bench.killed(STORED, 1, "advance", transfer.id)
    [kept] = bench.bridge().files.all()
    call = bench.chains.state_receiver.functions.replayFailedStateSync(kept.sync)
    bench.chains.done(bench.chains.child_web3, call, 20)
    bench.chains.child.mine(3)
    assert bench.bridge().advance(transfer.id).settled
    assert bench.bridge().withdraw(NMR).stage is Stage.BURNT


def test_deposit__plain_approve_with_an_allowance_there__approved(bench: Bench) -> None:
    """A token like most: any approval replaces any."""
    chains = bench.chains
    token = plain_token(bench)
    record = chains.record.model_copy(
        update={"root": chains.record.root.model_copy(update={"token": token})}
    )
    at = chains.root_web3.eth.contract(address=token, abi=CHILD_TOKEN)  # type: ignore[call-overload]
    spender = record.root.erc20_predicate
    chains.done(chains.root_web3, at.functions.approve(spender, 2 * NMR), bench.account)
    transfer = bench.bridge(record=record).deposit(3 * NMR)
    assert transfer.stage is Stage.LOCKED
    assert at.functions.balanceOf(spender).call() == 3 * NMR


def plain_token(bench: Bench) -> str:
    """A mapped token on the root chain, of which the account holds 10."""
    from oracle.devnet.artifacts import portal_artifacts
    from oracle.devnet.portal import ERC20

    chains, admin = bench.chains, bench.chains.settings.admin
    web3, artifact = chains.root_web3, portal_artifacts()["UChildERC20"]
    made = web3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
    signer = dev_account(admin)
    nonce = web3.eth.get_transaction_count(signer.address)
    fields = {"from": signer.address, "nonce": nonce, "gas": 8_000_000, "gasPrice": 10**11}
    built = made.constructor().build_transaction({**fields, "chainId": web3.eth.chain_id})  # type: ignore[typeddict-item]
    raw = signer.sign_transaction(built).raw_transaction  # type: ignore[arg-type]
    receipt = web3.eth.wait_for_transaction_receipt(web3.eth.send_raw_transaction(raw))
    token = web3.eth.contract(address=receipt["contractAddress"], abi=artifact.abi)
    amount = (10 * NMR).to_bytes(32, "big")
    chains.done(web3, token.functions.initialize("Plain", "PLN", 18, signer.address), admin)
    chains.done(web3, token.functions.deposit(bench.address, amount), admin)
    manager = web3.eth.contract(
        address=chains.record.root.root_chain_manager,
        abi=portal_artifacts()["RootChainManager"].abi,
    )
    mapped = manager.functions.mapToken(token.address, "0x" + "77" * 20, ERC20)
    chains.done(web3, mapped, admin)
    return str(token.address)


# ---------------------------------------------------------------------- crashes

PLACES = (SIGNED, STORED, BROADCAST)


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("count", [1, 2], ids=["approve", "lock"])
def test_deposit__killed_anywhere__locked_exactly_once(
    bench: Bench, place: str, count: int
) -> None:
    bench.killed(place, count, "deposit", str(5 * NMR))
    left = bench.bridge().files.all()
    if (place, count) == (SIGNED, 1):
        assert left == [], "nothing was kept, so nothing was sent"
        assert bench.chains.root_web3.eth.get_transaction_count(bench.address) == 0
        return
    [transfer] = left
    for _ in range(3):
        transfer = bench.bridge().advance(transfer.id)
        arrive(bench)
    assert bench.bridge().advance(transfer.id).is_over
    assert (bench.on_root(), bench.on_child(), locks(bench)) == (95, 5, 5)
    assert bench.chains.root_web3.eth.get_transaction_count(bench.address) == 2


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_withdraw__killed_anywhere__burnt_and_paid_exactly_once(bench: Bench, place: str) -> None:
    bench.bring_in(20 * NMR)
    bench.killed(place, 1, "withdraw", str(8 * NMR))
    left = bench.bridge().files.all()
    if place == SIGNED:
        assert left == []
        assert bench.on_child() == 20
        return
    [transfer] = left
    assert bench.bridge().advance(transfer.id).stage is Stage.BURNT
    bench.chains.checkpoint()
    bench.killed(place, 1, "advance", transfer.id)
    assert bench.bridge().advance(transfer.id).stage is Stage.EXITED
    assert (bench.on_child(), bench.on_root()) == (12, 88)


def test_advance__kept_transaction_can_never_be_mined__signed_anew_once_that_is_final(
    bench: Bench,
) -> None:
    bench.bring_in(20 * NMR)
    bench.killed(STORED, 1, "withdraw", str(8 * NMR))
    [transfer] = bench.bridge().files.all()
    bench.chains.withdraw(bench.account, NMR)  # takes the nonce
    assert bench.bridge().advance(transfer.id).stage is Stage.BURNING
    assert bench.on_child() == 19
    bench.chains.child.mine(3)
    assert bench.bridge().advance(transfer.id).stage is Stage.BURNING, "a node may lie behind"
    bench.chains.child.mine(SURE_BLOCKS)
    after = bench.bridge().advance(transfer.id)
    assert after.stage is Stage.BURNT
    assert after.sent("burn")[0].hash != transfer.sent("burn")[0].hash
    assert bench.on_child() == 11


@pytest.mark.slow
def test_advance__node_forgot_old_transactions__burns_nothing_again(tmp_path: Path) -> None:
    """Most nodes keep no more than the last weeks': that they show no trace says nothing then."""
    with two_chains(1, 137, "--transaction-block-keeper", "200") as chains:
        bench = Bench(chains, tmp_path)
        bench.bring_in(20 * NMR)
        transfer = bench.bridge().withdraw(8 * NMR)
        chains.child.mine(210)
        for _ in range(2):
            with pytest.raises(UnreachableError, match="keeps no transactions as old"):
                bench.bridge().advance(transfer.id)
        assert bench.on_child() == 12
        assert bench.bridge().files.load(transfer.id) == transfer


def test_status__killed_before_it_was_sent__sends_nothing(bench: Bench) -> None:
    bench.bring_in(20 * NMR)
    bench.killed(STORED, 1, "withdraw", str(8 * NMR))
    [transfer] = bench.bridge().files.all()
    assert bench.bridge().status(transfer.id).stage is Stage.BURNING
    assert bench.on_child() == 20


# ---------------------------------------------------------------------- the chains' moods


def test_deposit__root_block_reorganised_away__sent_again_as_it_was(bench: Bench) -> None:
    root = bench.chains.root
    before = root.ask("evm_snapshot")
    transfer = bench.bridge().deposit(5 * NMR)
    assert root.ask("evm_revert", before)
    assert bench.on_root() == 100
    assert bench.bridge().status(transfer.id).stage is Stage.APPROVING
    again = bench.bridge().advance(transfer.id)
    assert again.stage is Stage.LOCKED
    assert again.steps == transfer.steps
    assert (bench.on_root(), locks(bench)) == (95, 5)


def test_withdraw__child_block_reorganised_before_the_checkpoint__burnt_again(
    bench: Bench,
) -> None:
    bench.bring_in(20 * NMR)
    child = bench.chains.child
    before = child.ask("evm_snapshot")
    transfer = bench.bridge().withdraw(8 * NMR)
    assert child.ask("evm_revert", before)
    child.mine(2)
    assert bench.bridge().status(transfer.id).stage is Stage.BURNING
    assert bench.bridge().advance(transfer.id).stage is Stage.BURNT
    bench.chains.checkpoint()
    assert bench.bridge().advance(transfer.id).stage is Stage.EXITED
    assert (bench.on_child(), bench.on_root()) == (12, 88)


def test_advance__base_fee_rises__offers_more_with_the_same_nonce(bench: Bench) -> None:
    bench.bring_in(20 * NMR)
    child = bench.chains.child
    child.ask("evm_setAutomine", False)
    transfer = bench.bridge().withdraw(8 * NMR)
    assert transfer.stage is Stage.BURNING
    child.ask("anvil_setNextBlockBaseFeePerGas", hex(5 * transfer.sent("burn")[0].max_fee))
    child.mine()
    assert bench.on_child() == 20
    raised = bench.bridge().advance(transfer.id)
    first, second = raised.sent("burn")
    assert (first.nonce, first.sender) == (second.nonce, second.sender)
    assert second.max_fee > first.max_fee
    child.mine()
    assert bench.bridge().advance(transfer.id).stage is Stage.BURNT
    assert bench.on_child() == 12


def test_advance__root_base_fee_rises_during_the_lock__offers_more_and_locks_once(
    bench: Bench,
) -> None:
    spender = bench.chains.record.root.erc20_predicate
    approve = bench.chains.root_token.functions.approve(spender, 9 * NMR)
    bench.chains.done(bench.chains.root_web3, approve, bench.account)
    root = bench.chains.root
    root.ask("evm_setAutomine", False)
    transfer = bench.bridge().deposit(5 * NMR)
    root.ask("anvil_setNextBlockBaseFeePerGas", hex(5 * transfer.sent("lock")[0].max_fee))
    root.mine()
    assert bench.bridge().advance(transfer.id).stage is Stage.APPROVING
    root.mine()
    transfer = bench.bridge().advance(transfer.id)
    assert (transfer.stage, len(transfer.sent("lock"))) == (Stage.LOCKED, 2)
    assert (bench.on_root(), locks(bench)) == (95, 5)


def test_advance__mined_in_no_block_for_long__offers_more_up_to_a_bound(bench: Bench) -> None:
    """A node that makes blocks and leaves the transaction out cannot drive the fee up for ever."""
    bench.bring_in(20 * NMR)
    child = bench.chains.child
    child.ask("evm_setAutomine", False)
    transfer = bench.bridge().withdraw(8 * NMR)
    [first] = transfer.sent("burn")
    for _ in range(16):
        child.ask("anvil_dropTransaction", transfer.sent("burn")[-1].hash)
        child.mine(STUCK_BLOCKS - 1)
        child.ask("anvil_setNextBlockBaseFeePerGas", hex(first.max_fee // 2))
        child.mine()
        transfer = bench.bridge().advance(transfer.id)
    offers = [one.max_fee for one in transfer.sent("burn")]
    assert offers == sorted(offers)
    assert 2 * first.max_fee < offers[-1] <= 5 * first.max_fee


def test_advance__lock_reverted_on_the_chain__said_and_tried_again_once_final(
    bench: Bench,
) -> None:
    root, spender = bench.chains.root, bench.chains.record.root.erc20_predicate
    approve = bench.chains.root_token.functions.approve(spender, 9 * NMR)
    bench.chains.done(bench.chains.root_web3, approve, bench.account)
    root.ask("evm_setAutomine", False)
    owner = dev_account(bench.chains.settings.token_owner).address
    root.ask(
        "eth_sendTransaction",
        {
            "from": owner,
            "to": bench.chains.record.root.token,
            "data": stop(bench)._encode_transaction_data(),
        },
    )
    transfer = bench.bridge().deposit(5 * NMR)
    root.mine()
    root.ask("evm_setAutomine", True)
    with pytest.raises(RefusedError, match="reverted, and nothing was moved"):
        bench.bridge().advance(transfer.id)
    stopped(bench, "release")
    root.mine(3)
    assert bench.bridge().advance(transfer.id).stage is Stage.LOCKED
    assert (bench.on_root(), locks(bench)) == (95, 5)


def test_wait__endpoint_silent_for_a_moment__asked_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge, silent = bench.bridge(), 2
    transfer = bridge.deposit(5 * NMR)
    arrive(bench)
    look = bridge.deposits.advance
    heard = list[str]()

    def flaky(one: Any) -> Any:
        nonlocal silent
        if silent:
            silent -= 1
            raise UnreachableError("no answer from the node")
        return look(one)

    monkeypatch.setattr(type(bridge.deposits), "advance", lambda _, one: flaky(one))
    done = bridge.wait(transfer.id, progress=lambda p: heard.append(p.trouble), longest_pause=0.1)
    assert done.is_over
    assert heard == ["no answer from the node", "no answer from the node", ""]


# ---------------------------------------------------------------------- failed state syncs


def test_advance__sync_failed__replayed_once_the_cause_is_gone(bench: Bench) -> None:
    transfer = bench.bridge().deposit(5 * NMR)
    role(bench, "revokeRole")
    arrive(bench)
    assert bench.bridge().status(transfer.id).stage is Stage.FAILED
    with pytest.raises(RefusedError, match=r"refuses state sync .* again") as caught:
        bench.bridge().advance(transfer.id)
    assert "nothing is lost" in caught.value.fix
    role(bench, "grantRole")
    assert bench.bridge().advance(transfer.id).stage is Stage.SYNCED
    bench.chains.child.mine(3)
    assert bench.bridge().advance(transfer.id).is_over
    assert bench.on_child() == 5


def test_replay__of_a_stranger__taken_once(bench: Bench) -> None:
    transfer = bench.bridge().deposit(5 * NMR)
    role(bench, "revokeRole")
    [synced] = bench.chains.settle_syncs()
    role(bench, "grantRole")
    stranger = bench.bridge(account=20)
    stranger.replay(synced.id)
    assert bench.on_child() == 5
    with pytest.raises(RefusedError, match="did not fail, or was replayed already"):
        stranger.replay(synced.id)
    bench.chains.child.mine(3)
    assert bench.bridge().advance(transfer.id).is_over
    assert bench.on_child() == 5


def test_replay__not_there_yet__refused(bench: Bench) -> None:
    transfer = bench.bridge().deposit(5 * NMR)
    assert transfer.sync is not None
    with pytest.raises(RefusedError, match="has not come to the child chain yet"):
        bench.bridge().replay(transfer.sync)
    with pytest.raises(RefusedError, match="did not fail"):
        bench.bridge().replay(1)


# ---------------------------------------------------------------------- exits


def burnt(bench: Bench) -> tuple[str, Bridge]:
    """A withdrawal's transaction, not checkpointed, and the bridge of a stranger."""
    bench.bring_in(20 * NMR)
    transfer = bench.bridge().withdraw(8 * NMR)
    return transfer.sent("burn")[0].hash, bench.bridge(account=20)


def test_exit__before_the_checkpoint__refused(bench: Bench) -> None:
    transaction, stranger = burnt(bench)
    with pytest.raises(RefusedError, match="in no checkpoint yet"):
        stranger.exit(transaction)


def test_exit__by_a_stranger__pays_who_burned_and_only_once(bench: Bench) -> None:
    transaction, stranger = burnt(bench)
    bench.chains.checkpoint()
    [receipt] = stranger.exit(transaction)
    assert receipt["status"] == 1
    assert bench.on_root() == 88
    with pytest.raises(RefusedError, match="was paid out already"):
        stranger.exit(transaction)
    [transfer] = bench.bridge().files.all()
    assert bench.bridge().advance(transfer.id).stage is Stage.EXITED
    assert bench.on_root() == 88


def test_advance__stranger_exits_at_the_same_moment__over_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    transaction, _ = burnt(bench)
    bench.chains.checkpoint()
    bridge = bench.bridge()
    make = type(bridge.withdrawals)._exit

    def slow(self: Any, *arguments: Any) -> Any:
        monkeypatch.setattr(type(bridge.withdrawals), "_exit", make)
        call = make(self, *arguments)
        bench.home = bench.home / "elsewhere"  # the stranger's machine
        bench.bridge(account=20).exit(transaction)
        return call

    [transfer] = bridge.files.all()
    monkeypatch.setattr(type(bridge.withdrawals), "_exit", slow)
    assert bridge.advance(transfer.id).stage is not Stage.BURNT
    assert bridge.advance(transfer.id).stage is Stage.EXITED
    assert bench.on_root() == 88


@pytest.mark.parametrize(
    ("text", "error", "why"),
    [
        ("", InputError, "is no transaction's hash"),
        ("0x12", InputError, "is no transaction's hash"),
        ("11" * 32, InputError, "is no transaction's hash"),
        ("0x" + "zz" * 32, InputError, "is no transaction's hash"),
        ("0x" + "11" * 32, InputError, "has no transaction"),
    ],
    ids=["empty", "short", "no-prefix", "no-hex", "unknown"],
)
def test_exit__no_such_transaction__refused(
    bench: Bench, text: str, error: type[Exception], why: str
) -> None:
    with pytest.raises(error, match=why):
        bench.bridge().exit(text)


def test_exit__transaction_without_a_burn__refused(bench: Bench) -> None:
    bench.bring_in(5 * NMR)
    call = bench.chains.child_token.functions.transfer(dev_account(20).address, NMR)
    receipt = bench.chains.done(bench.chains.child_web3, call, bench.account)
    with pytest.raises(RefusedError, match="burned no NMR"):
        bench.bridge().exit("0x" + bytes(receipt["transactionHash"]).hex())


# ---------------------------------------------------------------------- NMR stopped


def test_deposit__nmr_stopped__refused_and_nothing_kept(bench: Bench) -> None:
    stopped(bench)
    with pytest.raises(RefusedError, match="NMR is stopped on the root chain"):
        bench.bridge().deposit(5 * NMR)
    assert bench.bridge().files.all() == []
    stopped(bench, "release")
    assert bench.bridge().deposit(5 * NMR).stage is Stage.LOCKED


def test_advance__nmr_stopped_during_the_exit__waits_and_is_paid_later(bench: Bench) -> None:
    burnt(bench)
    [transfer] = bench.bridge().files.all()
    bench.chains.checkpoint()
    stopped(bench)
    with pytest.raises(RefusedError, match="NMR is stopped"):
        bench.bridge().advance(transfer.id)
    assert bench.bridge().status(transfer.id).stage is Stage.CHECKPOINTED
    stopped(bench, "release")
    assert bench.bridge().advance(transfer.id).stage is Stage.EXITED


# ---------------------------------------------------------------------- who gets it


def test_deposit__contracts_of_bridge_and_tournament__refused_unless_forced(bench: Bench) -> None:
    pool = Web3.to_checksum_address("0x" + "ee" * 20)
    bridge = bench.bridge(guarded={pool: "the tournament's StakePool"})
    for at, name in ((pool, "StakePool"), (bench.chains.record.child.token, "the child token")):
        with pytest.raises(RefusedError, match=name) as caught:
            bridge.deposit(NMR, at)
        assert "assay stake deposit" in caught.value.fix
    assert bridge.files.all() == []
    assert bridge.deposit(NMR, pool, force=True).stage is Stage.LOCKED
    arrive(bench)
    assert bench.on_child(pool) == 1


def test_deposit__to_a_wallet_of_the_root_chain_only__warned_unless_forced(bench: Bench) -> None:
    wallet = Web3.to_checksum_address("0x" + "dd" * 20)
    bench.chains.root.ask("anvil_setCode", wallet, "0x6001")
    with pytest.raises(RefusedError, match="has no code on the child chain") as caught:
        bench.bridge().deposit(NMR, wallet)
    assert "--force" in caught.value.fix
    assert bench.bridge().deposit(NMR, wallet, force=True).stage is Stage.LOCKED


def test_withdraw__account_delegates_to_code__no_warning(bench: Bench) -> None:
    """EIP-7702: a key holds it, on both chains."""
    bench.bring_in(5 * NMR)
    bench.chains.root.ask("anvil_setCode", bench.address, "0xef0100" + "22" * 20)
    assert bench.bridge().withdraw(NMR).stage is Stage.BURNT


# ---------------------------------------------------------------------- input


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize(
    ("wei", "error", "why"),
    [
        (0, InputError, "above zero"),
        (-1, InputError, "above zero"),
        (100 * NMR + 1, RefusedError, "holds"),
    ],
    ids=["zero", "negative", "more-than-held"],
)
def test_start__wrong_amount__refused_and_nothing_kept(
    bench: Bench, kind: Kind, wei: int, error: type[Exception], why: str
) -> None:
    bridge = bench.bridge()
    start = bridge.deposit if kind is Kind.DEPOSIT else bridge.withdraw
    with pytest.raises(error, match=why):
        start(wei)
    assert bridge.files.all() == []


def test_start__no_money_for_gas__refused_and_nothing_kept(bench: Bench) -> None:
    bench.chains.root.ask("anvil_setBalance", bench.address, "0x0")
    with pytest.raises(FundsError, match="holds 0 of the chain's coin"):
        bench.bridge().deposit(5 * NMR)
    assert bench.bridge().files.all() == []


def test_advance__others_transfer__only_its_account_may_before_the_money_moves(
    bench: Bench,
) -> None:
    bench.bring_in(20 * NMR)
    bench.killed(STORED, 1, "withdraw", str(8 * NMR))
    [transfer] = bench.bridge().files.all()
    assert bench.bridge(account=20).advance(transfer.id).stage is Stage.BURNT, "sent as signed"
    bench.chains.checkpoint()
    assert bench.bridge(account=20).advance(transfer.id).stage is Stage.EXITED
    assert bench.on_root() == 88


def test_open__without_a_key__looks_and_sends_nothing(bench: Bench) -> None:
    transfer = bench.bridge().deposit(5 * NMR)
    urls = bench.chains.root.url, bench.chains.child.url
    looking = Bridge.open(bench.chains.record, *urls, home=bench.home)
    assert looking.status(transfer.id).stage is Stage.LOCKED
    for act in (
        lambda: looking.deposit(NMR),
        lambda: looking.withdraw(NMR),
        lambda: looking.advance(transfer.id),
        lambda: looking.exit("0x" + "11" * 32),
    ):
        with pytest.raises(InputError):
            act()


def test_open__chains_swapped__refused(bench: Bench) -> None:
    with pytest.raises(UnreachableError, match="chain"):
        Bridge.open(
            bench.chains.record, bench.chains.child.url, bench.chains.root.url, home=bench.home
        )


def test_stages__every_kind__end_where_the_money_is() -> None:
    assert {STAGES[kind][-1] for kind in Kind} == {Stage.USABLE, Stage.EXITED}

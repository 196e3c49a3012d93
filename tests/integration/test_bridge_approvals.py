"""Deposits and the allowance they need: NMR's quirk, and what others or a crash left behind."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bridge_bench import Bench, arrive, benched, locks, role
from two_chains import NMR, TwoChains, two_chains

from oracle.bridge.deposits import APPROVE
from oracle.bridge.interfaces import CHILD_TOKEN
from oracle.bridge.steps import STORED, SURE_BLOCKS, Stepper
from oracle.bridge.transfers import Stage, Transfer
from oracle.chain.keys import dev_account
from oracle.errors import RefusedError

pytestmark = pytest.mark.chain


@pytest.fixture(scope="module")
def chains() -> Iterator[TwoChains]:
    with two_chains() as started:
        yield started


@pytest.fixture
def bench(chains: TwoChains, tmp_path: Path) -> Iterator[Bench]:
    with benched(chains, tmp_path) as made:
        yield made


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

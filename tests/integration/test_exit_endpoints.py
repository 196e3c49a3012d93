"""Exit proofs while the child chain's endpoint answers with something else than was asked for."""

from collections.abc import Iterator
from typing import Any

import pytest
from two_chains import NMR, TwoChains, two_chains
from web3 import Web3
from web3.types import TxReceipt

from oracle.bridge import exits
from oracle.bridge.exits import ExitProof, exit_proof
from oracle.chain.rpc import connect
from oracle.errors import DifferenceError

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("bridge")]

ACCOUNT, OTHER = 10, 11


@pytest.fixture(scope="module")
def chains() -> Iterator[TwoChains]:
    with two_chains() as made:
        for account in (ACCOUNT, OTHER):
            made.give(account, 10 * NMR)
            made.deposit(account, 10 * NMR)
        made.settle_syncs()
        yield made


@pytest.fixture(scope="module")
def burns(chains: TwoChains) -> tuple[TxReceipt, TxReceipt]:
    """One's and another's withdrawal, in one checkpoint."""
    made = chains.withdraw(ACCOUNT, NMR), chains.withdraw(OTHER, 2 * NMR)
    chains.checkpoint()
    return made


@pytest.fixture
def child(chains: TwoChains) -> Web3:
    """A client of the test's own, whose answers it may change."""
    return connect(chains.child.url)


def proved(chains: TwoChains, child: Web3, burnt: TxReceipt) -> ExitProof:
    return exit_proof(chains.root_web3, child, chains.record, burnt["transactionHash"], 0)


def test_proof__receipt_of_another_transaction__refused(
    chains: TwoChains,
    burns: tuple[TxReceipt, TxReceipt],
    child: Web3,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else the proof would be of another one's burn."""
    one, other = burns
    monkeypatch.setattr(child.eth, "get_transaction_receipt", lambda _: other)
    with pytest.raises(DifferenceError, match="the receipt of 0x"):
        proved(chains, child, one)


@pytest.mark.parametrize("answer", ["another's", "none"])
def test_proof__receipts_of_another_block__refused(
    chains: TwoChains,
    burns: tuple[TxReceipt, TxReceipt],
    child: Web3,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
) -> None:
    one, other = burns
    found = [other] if answer == "another's" else []
    monkeypatch.setattr(exits, "block_receipts", lambda *_: found)
    with pytest.raises(DifferenceError):
        proved(chains, child, one)


def test_proof__another_block_of_the_number_by_now__is_of_the_one_in_the_checkpoint(
    chains: TwoChains,
    burns: tuple[TxReceipt, TxReceipt],
    child: Web3,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Headers are read first; what belongs to them is asked for by their hash."""
    one, other = burns
    honest, genuine, asked = proved(chains, child, one), child.eth.get_block, list[Any]()

    def get_block(which: Any, *more: Any) -> Any:
        if which == one["blockNumber"]:
            asked.append(which)
            if len(asked) > 1:
                return genuine(other["blockNumber"])
        return genuine(which, *more)

    monkeypatch.setattr(child.eth, "get_block", get_block)
    assert proved(chains, child, one) == honest

"""Any mix of calls, crashes, losses, reorganisations and fee spikes: every call arrives once."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from local_anvil import LocalAnvil, local_anvil
from outbox_bench import GWEI, Bench, Crash, CrashAt, deploy
from web3 import Web3

from oracle.chain.keys import dev_account
from oracle.chain.outbox import PendingError
from oracle.chain.sending_account import BROADCAST, MINED_SEEN, SIGNED, STORED
from oracle.store.transactions import FINAL, PENDING

pytestmark = [pytest.mark.chain, pytest.mark.slow]

MACHINE = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci") + "-machine")
_DEEPEST = 4
_ROUNDS_TO_THE_END = 60


@pytest.fixture(scope="module")
def chain() -> Iterator[LocalAnvil]:
    with local_anvil() as started:
        yield started


@pytest.fixture(scope="module")
def contract(chain: LocalAnvil) -> Any:
    return deploy(Web3(Web3.HTTPProvider(chain.url)), dev_account(0))


class OutboxMachine(RuleBasedStateMachine):
    """The model: the calls that were accepted, each of which adds 1 to a count of its own."""

    chain: LocalAnvil
    contract: Any

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.bench = Bench(self.chain, self.contract, self.folder)
        self.bench.mine(_DEEPEST)
        self.bench.auto(False)
        self.outbox = self.bench.outbox(wait=0)
        self.accepted: set[int] = set()
        self.refused: set[int] = set()
        self.finalized = self.bench.newest()

    @rule()
    def send(self) -> None:
        call = len(self.accepted) + len(self.refused)
        self.accepted.add(call)
        with pytest.raises(PendingError):
            self.outbox.send(self.bench.again(call))

    @rule(back=st.integers(1, 4))
    def send_again_what_may_wait(self, back: int) -> None:
        """A loop that asks again each cycle, as long as it does not see the call's effect."""
        call = len(self.accepted) + len(self.refused) - back
        waiting = {sent.data for sent in self.outbox.pending()}
        asked = self.bench.again(call) if call >= 0 else None
        if asked is not None and self.bench.data(asked) in waiting:
            with suppress(PendingError):
                self.outbox.send(asked)

    @rule(place=st.sampled_from([SIGNED, STORED, BROADCAST]))
    def crash_while_sending(self, place: str) -> None:
        call = len(self.accepted) + len(self.refused)
        dying = self.bench.outbox(wait=0, at=CrashAt(place))
        with pytest.raises(Crash):
            dying.send(self.bench.again(call))
        (self.refused if place == SIGNED else self.accepted).add(call)
        self.outbox = self.bench.outbox(wait=0)

    @rule(place=st.sampled_from([SIGNED, STORED, BROADCAST, MINED_SEEN]))
    def crash_while_tending(self, place: str) -> None:
        with suppress(Crash):
            self.bench.outbox(wait=0, at=CrashAt(place)).tend(self.finalized)
        self.outbox = self.bench.outbox(wait=0)

    @rule()
    def tend(self) -> None:
        self.outbox.tend(self.finalized)

    @rule(blocks=st.integers(1, 3))
    def mine(self, blocks: int) -> None:
        self.bench.mine(blocks)

    @rule(gwei=st.sampled_from([1, 3, 40]))
    def mine_at_a_base_fee(self, gwei: int) -> None:
        self.bench.base_fee(gwei * GWEI)
        self.bench.mine()

    @rule(depth=st.integers(1, _DEEPEST))
    def reorganise(self, depth: int) -> None:
        depth = min(depth, self.bench.newest().number - self.finalized.number)
        if depth:
            self.bench.chain.ask("anvil_reorg", depth, [])

    @rule()
    def finalize(self) -> None:
        number = self.bench.newest().number - _DEEPEST
        if number > self.finalized.number:
            self.finalized = self.bench.at(number)

    @rule(which=st.integers(0, 9))
    def node_drops_one(self, which: int) -> None:
        held = [sent for sent in self.outbox.pending() if self.bench.waits(sent)]
        if held:
            self.bench.drop(held[which % len(held)])

    @rule()
    def node_forgets_all(self) -> None:
        self.bench.chain.ask("anvil_dropAllTransactions")

    @rule(fee=st.integers(2, 20))
    def somebody_else_sends(self, fee: int) -> None:
        """Another tool with the same key takes the next nonce that the node tells."""
        nonce = self.bench.web3.eth.get_transaction_count(self.bench.account.address, "pending")
        if nonce not in self.outbox.store.open(self.bench.account.address):
            self.bench.foreign_if_taken(nonce, fee * GWEI)

    @invariant()
    def one_current_transaction_a_nonce(self) -> None:
        for group in self.outbox.store.open(self.bench.account.address).values():
            assert sum(sent.status in (PENDING, "mined") for sent in group) == 1

    @invariant()
    def nothing_has_happened_twice(self) -> None:
        assert all(self.bench.count(call) <= 1 for call in self.accepted)

    def teardown(self) -> None:
        try:
            for _ in range(_ROUNDS_TO_THE_END):
                self.bench.base_fee(GWEI)
                self.bench.mine()
                self.outbox.tend(self.bench.newest())
                if not self.outbox.store.open(self.bench.account.address):
                    break
            counts = {call: self.bench.count(call) for call in self.accepted | self.refused}
            expected = {call: int(call in self.accepted) for call in counts}
            assert counts == expected
            final = [row.nonce for row in self.bench.rows() if row.status == FINAL]
            assert len(set(final)) == len(final)
            assert all(nonce < self.bench.next_nonce() for nonce in final)
        finally:
            shutil.rmtree(self.folder)


def test_outbox_machine__any_trouble__every_accepted_call_is_mined_once(
    chain: LocalAnvil, contract: Any
) -> None:
    OutboxMachine.chain, OutboxMachine.contract = chain, contract
    run_state_machine_as_test(OutboxMachine, settings=MACHINE)

"""An operator's loop takes burns on to their end, on two real chains."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from bridge_rounds import BridgedRounds, bridged_rounds
from two_chains import NMR, await_true
from vaulted_chains import BURNER, Vaults, conserved, vaulted_chains
from web3.types import TxReceipt

from oracle.chain.keys import dev_account
from oracle.chain.outbox import Outbox, PendingError
from oracle.chain.rpc import block
from oracle.chain.signing import LocalSigner, is_legacy
from oracle.errors import AssayError, InputError
from oracle.operator import failpoints
from oracle.operator.checks import Level, Look, Said
from oracle.operator.checks_of_chain import CHAIN_CHECKS
from oracle.operator.config import OperatorConfig
from oracle.operator.run import Operator
from oracle.store.database import Database
from oracle.store.sealing import Identity
from oracle.store.transactions import TransactionStore

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("bridge")]

FIRST = 2
"""The first operator's development account."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BridgedRounds]:
    with vaulted_chains() as chains:
        yield bridged_rounds(chains, tmp_path_factory.mktemp("rounds"))


@pytest.fixture
def rounds(both: BridgedRounds) -> Iterator[BridgedRounds]:
    with both.chains.undone():
        yield both


class Death(BaseException):
    """The operator's process ends here; nothing in it may catch this."""


class Keeper:
    """One operator in this process, on a folder that outlives it. ``now`` is its clock's."""

    def __init__(self, rounds: BridgedRounds, home: Path, account: int, bridge: Any) -> None:
        self.rounds, self.home, self.account = rounds, home, account
        self.bridge, self.now, self.running = bridge, 0.0, None
        home.mkdir(parents=True)
        (home / "provider").mkdir()
        Identity.new().save(home / "identity.age")
        key = home / "key.env"
        key.touch(0o600)
        key.write_text(f"ASSAY_OPERATOR_KEY={dev_account(account).key.to_0x_hex()}\n")
        rounds.chains.record.save(home / "bridge.json")

    @property
    def config(self) -> OperatorConfig:
        chains = self.rounds.chains
        return OperatorConfig.model_validate(
            {
                "name": f"operator-{self.account}",
                "chain_id": chains.record.child.chain_id,
                "pool": self.rounds.reader.addresses.pool,
                "chain": {"urls": [chains.child.url], "wait": 5},
                "bridge": self.bridge,
                "signer": {"kind": "envfile", "file": "key.env"},
                "data": "provider",
                "port": 8600,
            }
        ).under(self.home)

    def start(self) -> Operator:
        self.running = Operator(self.config)
        self.running.bridging._turns.clock = lambda: self.now
        return self.running

    def stop(self) -> None:
        if self.running is not None:
            self.running.close()
        self.running = None

    def look(self) -> str:
        """A minute after the last one; its error."""
        running = self.running or self.start()
        self.now += 60
        try:
            running.bridging.sweep()
            running.bridging.look()
        except AssayError as error:
            return error.message
        return ""

    def shown(self, name: str, *labels: str) -> float | None:
        """A metric's value, by the values of its labels; None without one."""
        assert self.running is not None
        values = {
            (sample.name, *sample.labels.values()): sample.value
            for family in self.running.metrics.registry.collect()
            for sample in family.samples
        }
        return values.get((f"assay_{name}", *labels))


Open = Callable[..., Keeper]


@pytest.fixture
def keeper(rounds: BridgedRounds, tmp_path: Path) -> Iterator[Open]:
    """Opens keepers; ``bridge`` None is an operator without that section."""
    opened: list[Keeper] = []

    def made(position: int = 0, **bridge: Any) -> Keeper:
        section: Any = {"record": "bridge.json", "urls": [rounds.chains.root.url], **bridge}
        if bridge.get("record", "") is None:
            section = None
        where = tmp_path / f"keeper{position}"
        opened.append(Keeper(rounds, where, FIRST + position, section))
        return opened[-1]

    yield made
    for one in opened:
        one.stop()


def leader(rounds: BridgedRounds) -> int:
    """Position of the operator whose turn is first."""
    accounts = [dev_account(FIRST + position).address for position in range(4)]
    head = rounds.reader.state()["head"]
    members = sorted(rounds.reader.members(head), key=lambda address: int(address, 16))
    return accounts.index(members[-head % len(members)])


def swept(vaults: Vaults) -> tuple[int, int]:
    """By the vaults of the child and of the root chain, in whole NMR."""
    return tuple(v.functions.swept().call() // NMR for v in (vaults.child, vaults.root))  # type: ignore[return-value]


def test_look__burns_in_the_vault__are_destroyed_by_an_operator_alone(
    rounds: BridgedRounds, keeper: Open
) -> None:
    chains, vaults = rounds.chains, Vaults(rounds.chains)
    books = vaults.books(reader=rounds.reader)
    vaults.burn(25 * NMR)
    alone = keeper(leader(rounds))
    assert alone.look() == ""
    assert swept(vaults) == (25, 0)
    conserved(chains, books)
    chains.checkpoint()
    assert alone.look() == ""
    assert swept(vaults) == (25, 25)
    facts = conserved(chains, books)
    assert facts.in_flight_up == 0
    chains.root.mine(3)
    assert alone.look() == ""
    account = dev_account(alone.account).address
    assert TransactionStore(alone.running.database, 1).open(account) == {}


def test_look__not_the_leader__waits_for_its_turn(rounds: BridgedRounds, keeper: Open) -> None:
    vaults = Vaults(rounds.chains)
    vaults.burn(25 * NMR)
    other = keeper(next(position for position in range(4) if position != leader(rounds)))
    assert other.look() == ""
    assert swept(vaults) == (0, 0)
    for _ in range(8):
        assert other.look() == ""
    assert swept(vaults) == (25, 0)


def test_look__somebody_else_was_first__the_next_time_all_wait_anew(
    rounds: BridgedRounds, keeper: Open
) -> None:
    """Else every operator whose wait is over would send at once, and all but one would pay in
    vain."""
    vaults = Vaults(rounds.chains)
    other = keeper(next(position for position in range(4) if position != leader(rounds)))
    for turn in (1, 2):
        vaults.burn(25 * NMR)
        assert other.look() == ""
        assert swept(vaults) == (25 * (turn - 1), 0), "it did not wait"
        vaults.sweeper().sweep_child()
        other.now += 600
        assert other.look() == ""


def test_look__no_bridge_section__sweeps_the_child_vault_alone(
    rounds: BridgedRounds, keeper: Open
) -> None:
    vaults = Vaults(rounds.chains)
    vaults.burn(25 * NMR)
    alone = keeper(leader(rounds), record=None)
    assert alone.look() == ""
    assert swept(vaults) == (25, 0)
    rounds.chains.checkpoint()
    assert alone.look() == ""
    assert swept(vaults) == (25, 0)


def test_look__root_chain_silent__child_vault_is_swept_and_the_rest_follows(
    rounds: BridgedRounds, keeper: Open
) -> None:
    chains, vaults = rounds.chains, Vaults(rounds.chains)
    vaults.burn(25 * NMR)
    nobody = "http://127.0.0.1:1"
    alone = keeper(leader(rounds), urls=[nobody])
    assert "127.0.0.1:1" in alone.look()
    assert swept(vaults) == (25, 0)
    alone.stop()
    chains.checkpoint()
    alone.bridge["urls"] = [chains.root.url]
    assert alone.look() == ""
    assert swept(vaults) == (25, 25)


def test_run__root_chain_hangs__rounds_go_on_and_the_burns_later(
    rounds: BridgedRounds, keeper: Open
) -> None:
    """The loop of rounds and the one of burns wait for each other in nothing."""
    chains, vaults = rounds.chains, Vaults(rounds.chains)
    alone = keeper(leader(rounds), every=0.2)
    alone.look()
    vaults.burn(25 * NMR)
    vaults.sweeper().sweep_child()
    chains.checkpoint()
    assert alone.running is not None
    stop = threading.Event()
    burns = threading.Thread(target=alone.running.bridging.run, args=(stop,))
    try:
        with chains.root.silent():
            burns.start()
            alone.running.worker.cycle()
            assert alone.running.worker.error == ""
            assert burns.is_alive()
        await_true(lambda: swept(vaults) == (25, 25))
    finally:
        stop.set()
        burns.join()


@pytest.mark.parametrize(
    "place", ["outbox-signed", "outbox-stored", "outbox-broadcast", "outbox-mined"]
)
@pytest.mark.parametrize("times", [1, 2, 3], ids=["child-sweep", "exit", "root-sweep"])
def test_look__killed_at_any_step__the_next_process_ends_it_and_nothing_is_done_twice(
    rounds: BridgedRounds,
    keeper: Open,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    times: int,
) -> None:
    chains, vaults = rounds.chains, Vaults(rounds.chains)
    vaults.burn(25 * NMR)
    alone, left = keeper(leader(rounds)), [times]

    def at(name: str) -> None:
        if name == place:
            left[0] -= 1
            if not left[0]:
                raise Death(name)

    monkeypatch.setattr(failpoints, "failpoint", at)
    for _ in range(8):
        try:
            alone.look()
        except Death:
            alone.stop()
        chains.checkpoint()
        chains.root.mine(3)
    assert left[0] <= 0, "it never came there"
    assert swept(vaults) == (25, 25)
    sender = dev_account(alone.account).address
    for web3, sent in ((chains.child_web3, 1), (chains.root_web3, 2)):
        assert web3.eth.get_transaction_count(sender) == sent
    conserved(chains, vaults.books(reader=rounds.reader))


def test_look__root_reorganised_after_the_exit__is_exited_again(
    rounds: BridgedRounds, keeper: Open
) -> None:
    chains, vaults = rounds.chains, Vaults(rounds.chains)
    vaults.burn(25 * NMR)
    alone = keeper(leader(rounds))
    alone.look()
    chains.checkpoint()
    assert alone.look() == ""
    assert swept(vaults) == (25, 25)
    chains.root.ask("anvil_reorg", 2, [])
    assert swept(vaults) == (25, 0)
    for _ in range(4):
        chains.root.mine(1)
        alone.look()
    assert swept(vaults) == (25, 25)
    conserved(chains, vaults.books(reader=rounds.reader))


def test_look__record_of_another_tournament__refused_at_the_start(
    rounds: BridgedRounds, keeper: Open
) -> None:
    alone = keeper()
    other = rounds.chains.record.with_contracts(burn_vault="0x" + "11" * 20)
    other.save(alone.home / "bridge.json")
    with pytest.raises(InputError, match="is not the bridge of this tournament"):
        alone.start()


# ---------------------------------------------------------------------- metrics


def test_metrics__a_burn_on_its_way__shown_at_each_step(
    rounds: BridgedRounds, keeper: Open
) -> None:
    chains, vaults = rounds.chains, Vaults(rounds.chains)
    alone, wei = keeper(leader(rounds)), 25 * NMR
    vaults.burn(9 * NMR)
    assert alone.look() == ""
    assert alone.shown("vault_balance_wei", "child") == 9 * NMR
    assert alone.shown("oldest_unexited_burn_timestamp_seconds") is None
    vaults.burn(16 * NMR)
    assert alone.look() == ""
    burnt_at = chains.child_web3.eth.get_block("latest")["timestamp"]
    assert alone.shown("vault_balance_wei", "child") == 0
    assert alone.shown("vault_swept_wei", "child") == wei
    assert alone.shown("burns_waiting_wei", "checkpoint") == wei
    assert alone.shown("exits_owed") == 0
    assert alone.shown("oldest_unexited_burn_timestamp_seconds") == burnt_at
    chains.checkpoint()
    assert alone.running is not None
    alone.running.bridging.look()
    assert alone.shown("burns_waiting_wei", "checkpoint") == 0
    assert alone.shown("burns_waiting_wei", "exit") == wei
    assert alone.shown("exits_owed") == 1
    assert alone.shown("oldest_unexited_burn_timestamp_seconds") == burnt_at
    made_at = chains.root_web3.eth.get_block("latest")["timestamp"]
    assert alone.shown("checkpoint_timestamp_seconds") == made_at
    assert alone.look() == ""
    assert alone.shown("exits_owed") == 0
    assert alone.shown("oldest_unexited_burn_timestamp_seconds") is None
    assert alone.shown("vault_balance_wei", "root") == 0
    assert alone.shown("vault_swept_wei", "root") == wei
    chains.root.mine(3)
    assert alone.look() == ""
    # Gas and fees are counted once they are final, each chain's own.
    for chain, call in (("child", "sweep"), ("root", "exit"), ("root", "sweep")):
        if chain == "child":
            chains.child.mine(3)
            alone.running.worker.cycle()
        assert (alone.shown("gas_used_total", chain, call) or 0) > 50_000


def test_metrics__root_chain_mines_nothing__its_outbox_is_seen_to_wait(
    rounds: BridgedRounds, keeper: Open
) -> None:
    chains, vaults = rounds.chains, Vaults(rounds.chains)
    alone = keeper(leader(rounds), wait=0.1)
    vaults.burn(25 * NMR)
    assert alone.look() == ""
    assert alone.shown("transactions_pending", "root") == 0
    assert (alone.shown("balance_wei", "root", dev_account(alone.account).address) or 0) > 0
    chains.checkpoint()
    chains.root.ask("evm_setAutomine", False)
    try:
        assert alone.look() == ""
        assert alone.look() == ""
        assert alone.shown("transactions_pending", "root") == 1
        assert (alone.shown("oldest_pending_transaction_seconds", "root") or 0) > 0
        assert alone.shown("oldest_pending_transaction_seconds", "child") == 0
    finally:
        chains.root.ask("evm_setAutomine", True)
    chains.root.mine(1)
    assert alone.look() == ""
    assert alone.shown("transactions_pending", "root") == 0


def test_metrics__messages_not_relayed__state_syncs_lag(
    rounds: BridgedRounds, keeper: Open
) -> None:
    chains, alone = rounds.chains, keeper()
    assert alone.look() == ""
    before = alone.shown("state_syncs_sent")
    assert before == alone.shown("state_syncs_taken")
    chains.deposit(BURNER, NMR)
    assert alone.look() == ""
    lag = (alone.shown("state_syncs_sent") or 0) - (alone.shown("state_syncs_taken") or 0)
    assert lag == 1
    chains.settle_syncs()
    assert alone.look() == ""
    assert alone.shown("state_syncs_taken") == (before or 0) + 1


def test_metrics__no_bridge_section__the_child_vault_alone(
    rounds: BridgedRounds, keeper: Open
) -> None:
    Vaults(rounds.chains).burn(2 * NMR)
    alone = keeper(record=None)
    assert alone.look() == ""
    assert alone.shown("vault_balance_wei", "child") == 2 * NMR
    assert alone.shown("vault_balance_wei", "root") is None
    assert alone.shown("exits_owed") is None


# ---------------------------------------------------------------------- the outbox


def test_outbox__legacy_call_that_is_stuck__raised_and_still_legacy(
    rounds: BridgedRounds, tmp_path: Path
) -> None:
    """Only a receipt of type 0 can be exited on a local chain."""
    chains, vaults = rounds.chains, Vaults(rounds.chains)
    vaults.burn(25 * NMR)
    store = TransactionStore(Database.open(str(tmp_path / "journal.sqlite")))
    signer = LocalSigner(dev_account(30))
    outbox = Outbox(chains.child_web3, signer, store, wait=0)
    chains.child.ask("evm_setAutomine", False)
    try:
        with suppress(PendingError):
            outbox.send(vaults.child.functions.sweep(), legacy=True)
        [waiting] = outbox.pending()
        chains.child.ask("anvil_setNextBlockBaseFeePerGas", hex(4 * waiting.max_fee))
        chains.child.mine()
        outbox.tend(block(chains.child_web3, "finalized"))
        [raised] = outbox.pending()
        assert raised.max_fee > waiting.max_fee
        assert (is_legacy(waiting.raw), is_legacy(raised.raw)) == (True, True)
        chains.child.mine()
    finally:
        chains.child.ask("evm_setAutomine", True)
    receipt: TxReceipt = chains.child_web3.eth.get_transaction_receipt(raised.hash)  # type: ignore[arg-type]
    assert (receipt["status"], receipt["type"]) == (1, 0)


# ---------------------------------------------------------------------- the check


def said(one: Keeper) -> list[Said]:
    look = Look(one.config, 30)
    try:
        return list(dict(CHAIN_CHECKS)["burns"](look))
    finally:
        look.close()


def test_check__bridge_and_vaults_and_money_there__ok(rounds: BridgedRounds, keeper: Open) -> None:
    [found] = said(keeper())
    assert found.level is Level.OK
    assert "on the root chain" in found.text


def test_check__no_bridge_section__says_what_is_left_undone(
    rounds: BridgedRounds, keeper: Open
) -> None:
    [found] = said(keeper(record=None))
    assert (found.level, "vault only" in found.text) == (Level.OK, True)


def test_check__vault_missing_and_no_money__warns_of_each(
    rounds: BridgedRounds, keeper: Open
) -> None:
    one, chains = keeper(), rounds.chains
    chains.root.ask("anvil_setCode", rounds.reader.addresses.burn_vault, "0x")
    chains.root.ask("anvil_setBalance", dev_account(one.account).address, "0x1")
    missing, poor = said(one)
    assert (missing.level, poor.level) == (Level.WARN, Level.WARN)
    assert "not on the root chain yet" in missing.text
    assert "send it more" in poor.fix


def test_check__record_of_another_bridge__is_wrong(rounds: BridgedRounds, keeper: Open) -> None:
    one = keeper()
    rounds.chains.record.with_contracts(burn_vault="0x" + "11" * 20).save(one.home / "bridge.json")
    with pytest.raises(InputError, match="is not the bridge of this tournament"):
        said(one)

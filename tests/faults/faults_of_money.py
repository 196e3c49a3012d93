"""Gas money, nonces and fees."""

import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from eth_account.signers.local import LocalAccount
from fault_net import FaultNet, Member, await_until
from fault_rounds import Fault, FaultWorld
from sqlalchemy import select

from oracle.settlement.rounds import Status
from oracle.store.database import Database
from oracle.store.schema import transactions

_GWEI = 10**9
_RICH = 10_000 * 10**18
_STAGGER = re.compile(r"^stagger = .*$", re.MULTILINE)


class NoGasMoney(Fault):
    """The operator whose turn it is has nothing to pay gas with."""

    name = "out of gas money"

    def sent(self, world: FaultWorld, number: int) -> None:
        self.poor = world.net.leader(number)
        self.logged, address = len(world.net.log_of(self.poor)), self.poor.account.address
        world.net.call("anvil_setBalance", address, "0x0")
        self.undo.callback(world.net.call, "anvil_setBalance", address, hex(_RICH))

    def heal(self, world: FaultWorld, number: int) -> None:
        self.said = "may need" in world.net.log_of(self.poor)[self.logged :]
        self.undo.close()
        world.recovered = await_until(self.poor.is_well, 60, "an operator with gas money")

    def seen(self, world: FaultWorld, number: int) -> str:
        assert self.said, f"{self.poor.name} did not say that it cannot pay"
        [sender] = _committers(world, number)
        assert sender != self.poor.account.address, "who had no gas money sent it"
        return "it says so; another sent the commit"


class NonceGap(Fault):
    """Something else sends with the operator's key: a nonce is used two ahead of the next one."""

    name = "nonce gap, another transaction in its way"

    def sent(self, world: FaultWorld, number: int) -> None:
        self.account = world.net.leader(number).account
        count = world.net.web3.eth.get_transaction_count(self.account.address, "pending")
        self.foreign = _send_to_itself(world.net, self.account, count + 1)
        assert _is_waiting(world.net, self.foreign)

    def seen(self, world: FaultWorld, number: int) -> str:
        assert not _is_waiting(world.net, self.foreign), "it still waits"
        [sender] = _committers(world, number)
        assert sender == self.account.address, "another operator sent the commit"
        return "sent around it"


class FeeSpike(Fault):
    """Blocks stop when the round is due; those that come then cost a hundred times as much."""

    name = "no blocks for a while, then a fee spike"

    def due(self, world: FaultWorld, number: int) -> None:
        self.net = world.net
        self.spike, self.raised = 0, sum(map(_raised, world.net.members))
        world.await_due(number)
        self.undo.enter_context(world.net.ticker.held())
        world.net.call("evm_setAutomine", False)
        self.undo.callback(world.net.call, "evm_setAutomine", True)
        self.mined_at, self.is_over = time.monotonic(), False

    def watch(self, world: FaultWorld, number: int) -> None:
        if self.is_over or time.monotonic() - self.mined_at < 1:
            return
        if not self.spike:
            # The chain stands still until somebody's transaction waits, and some seconds more.
            if not any(map(self._waits, world.net.members)):
                return
            base = world.net.web3.eth.get_block("latest")["baseFeePerGas"]
            self.spike = max(100 * base, 100 * _GWEI)
            time.sleep(5)
        world.net.call("anvil_setNextBlockBaseFeePerGas", hex(self.spike))
        world.net.call("evm_mine")
        self.mined_at = time.monotonic()
        newest = world.reader.newest()
        if world.reader.facts(number, newest, number).status is not Status.ANNOUNCED:
            self.is_over = True
            self.undo.close()

    def _waits(self, member: Member) -> bool:
        count, who = self.net.web3.eth.get_transaction_count, member.account.address
        return count(who, "pending") > count(who, "latest")

    def seen(self, world: FaultWorld, number: int) -> str:
        assert self.is_over, "settled without a spike"
        raised = sum(map(_raised, world.net.members)) - self.raised
        assert raised, "nobody offered more"
        return f"the fee was raised {raised} times, one commit"


class AtOnce(Fault):
    """The operator whose turn comes next does not wait for the one whose turn it is."""

    name = "two submitters at once"

    def before(self, world: FaultWorld, number: int) -> None:
        self.first = world.net.web3.eth.block_number
        self.members = [world.net.leader(number), world.net.leader(number - 1)]
        self.texts = {m.name: (m.home / "operator.toml").read_text() for m in self.members}
        for member in self.members:
            changed, count = _STAGGER.subn("stagger = 0.0", self.texts[member.name])
            assert count == 1
            (member.home / "operator.toml").write_text(changed)
            self.undo.callback((member.home / "operator.toml").write_text, self.texts[member.name])
        _restart(world, self.members)

    def heal(self, world: FaultWorld, number: int) -> None:
        self.undo.close()
        _restart(world, self.members)

    def seen(self, world: FaultWorld, number: int) -> str:
        wasted = Counter(_reverted(world, self.first))
        commits = len(_committers(world, number))
        assert commits == 1, f"{commits} commits"
        assert max(wasted.values(), default=0) <= 1, f"wasted: {wasted}"
        return f"one commit; wasted: {', '.join(sorted(wasted)) or 'nothing'}"


def _restart(world: FaultWorld, members: Sequence[Member]) -> None:
    for member in members:
        world.net.end_operator(member)
    for member in members:
        world.net.start_operator(member)
    await_until(world.net.all_well, 90, "four operators that are well")


def _send_to_itself(net: FaultNet, account: LocalAccount, nonce: int) -> bytes:
    fields = {
        "from": account.address,
        "to": account.address,
        "value": 0,
        "nonce": nonce,
        "gas": 21_000,
        "maxFeePerGas": 200 * _GWEI,
        "maxPriorityFeePerGas": _GWEI,
        "chainId": net.topology.chain.chain_id,
    }
    raw = account.sign_transaction(fields).raw_transaction
    return bytes(net.web3.eth.send_raw_transaction(raw))


def _is_waiting(net: FaultNet, hashed: bytes) -> bool:
    return net.web3.eth.get_transaction(hashed).get("blockNumber") is None  # type: ignore[arg-type]


def _committers(world: FaultWorld, number: int) -> list[str]:
    """Who sent the round's commits that the contract took."""
    logs = world.reader.oracle.events.Committed().get_logs(
        from_block=0, argument_filters={"round": number}
    )
    eth = world.net.web3.eth
    return [str(eth.get_transaction(log["transactionHash"])["from"]) for log in logs]


def _reverted(world: FaultWorld, first: int) -> Iterator[str]:
    """What operators called in vain, paying for it, from block ``first`` on."""
    contracts = {str(c.address): c for c in (world.reader.pool, world.reader.oracle)}
    eth, operators = world.net.web3.eth, {m.account.address for m in world.net.members}
    for number in range(first, eth.block_number + 1):
        for sent in eth.get_block(number, full_transactions=True)["transactions"]:
            assert not isinstance(sent, bytes)
            if sent["from"] in operators:
                receipt = eth.get_transaction_receipt(sent["hash"])
                if receipt["status"] != 1:
                    function, _ = contracts[str(sent["to"])].decode_function_input(sent["input"])
                    yield function.fn_name


def _raised(member: Member) -> int:
    """Transactions of one nonce more than one."""
    database = Database.open(member.home / "journal.sqlite")
    with database.connect() as connection:
        rows = connection.execute(select(transactions.c.nonce)).all()
    database.close()
    return len(rows) - len({row.nonce for row in rows})


MONEY_FAULTS: list[Fault] = [NoGasMoney(), NonceGap(), AtOnce(), FeeSpike()]

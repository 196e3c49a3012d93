"""Reorganisations, finality that stands still, and clocks that are wrong."""

import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import httpx
import shifted_clock
from fault_net import Member, await_until
from fault_rounds import Fault, FaultWorld

_HOUR = 3600


class Reorganised(Fault):
    """Blocks that are not final are replaced by empty ones, the commit's block among them, once at
    each of the depths; while that goes on, no operator sees a newer finalized block."""

    def __init__(self, depths: Iterable[int]) -> None:
        self.depths = tuple(depths)
        first, last = self.depths[0], self.depths[-1]
        shown = str(first) if first == last else f"{first}, {first + 1} ... {last}"
        self.name = f"reorg before finality, depth {shown}"

    def due(self, world: FaultWorld, number: int) -> None:
        self.left, self.done = list(self.depths), list[int]()
        world.await_due(number)
        self.lost, self.stalled_at = set[bytes](), world.net.web3.eth.block_number
        _stall_finality(world, self.undo)

    def watch(self, world: FaultWorld, number: int) -> None:
        if self.left:
            with world.net.ticker.held():
                self._reorganise(world, number)

    def _reorganise(self, world: FaultWorld, number: int) -> None:
        head = world.net.web3.eth.block_number
        found = world.reader.oracle.events.Committed().get_logs(
            from_block=self.stalled_at, argument_filters={"round": number}
        )
        if not found:
            return
        [commit] = found
        wanted, at = self.left[0], commit["blockNumber"]
        if head - at + 1 < wanted:
            world.net.call("anvil_mine", hex(wanted - (head - at + 1)), "0x1")
        # A block may have come meanwhile: then the commit is lost by a deeper one, and once more.
        depth = world.net.web3.eth.block_number - at + 1
        world.net.call("anvil_reorg", depth, [])
        self.lost.add(bytes(commit["blockHash"]))
        self.done.append(depth)
        if depth == wanted:
            self.left.pop(0)
        if not self.left:
            self.undo.close()
            self.ended = time.monotonic()

    def heal(self, world: FaultWorld, number: int) -> None:
        self.undo.close()
        world.recovered = time.monotonic() - self.ended

    def seen(self, world: FaultWorld, number: int) -> str:
        assert not self.left, f"not all depths came: {self.done}"
        return f"the commit was lost {len(self.lost)} times, sent again"


class StalledFinality(Fault):
    """For an hour of the chain's clock no block becomes final at any operator; the round closes and
    is due in that hour."""

    name = "finality stalled for an hour"
    open_seconds = _HOUR
    """The chain's clock is set to the close once the files are sent."""
    seconds = 8.0
    """For which that state is looked at."""

    def sent(self, world: FaultWorld, number: int) -> None:
        _stall_finality(world, self.undo)

    def due(self, world: FaultWorld, number: int) -> None:
        self.began, self.stalled = time.monotonic(), True

    def watch(self, world: FaultWorld, number: int) -> None:
        if not self.stalled or time.monotonic() - self.began < self.seconds:
            return
        for address, home in world.audit.homes.items():
            signed = list(world.audit.folder(address, number).glob("attest/*"))
            assert not signed, f"{home.name} signed without a finalized close"
        assert world.net.all_well(), "an operator is not well"
        self.undo.close()
        self.stalled, self.began = False, time.monotonic()

    def heal(self, world: FaultWorld, number: int) -> None:
        world.recovered = time.monotonic() - self.began

    def seen(self, world: FaultWorld, number: int) -> str:
        assert not self.stalled, "settled while no block was final"
        return "nothing signed until blocks were final"


class WrongClock(Fault):
    """The operator whose turn it is takes it to be an hour earlier or later than it is."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self.name = f"one operator's clock {abs(seconds)} s {'fast' if seconds > 0 else 'slow'}"

    def before(self, world: FaultWorld, number: int) -> None:
        self.wrong = world.net.leader(number)
        launcher = (str(Path(shifted_clock.__file__)), str(self.seconds))
        world.net.restart_operator(self.wrong, launcher)

    def heal(self, world: FaultWorld, number: int) -> None:
        self.shown = _clock_of(self.wrong) - time.time()
        world.recovered = world.net.restart_operator(self.wrong)
        await_until(lambda: abs(_clock_of(self.wrong) - time.time()) < 60, 30, "the right time")

    def seen(self, world: FaultWorld, number: int) -> str:
        assert abs(self.shown - self.seconds) < 60, f"its clock was {self.shown:.0f} s off"
        return "settled as without it"


def _stall_finality(world: FaultWorld, undo: ExitStack) -> None:
    for member in world.net.members:
        for proxy in member.proxies:
            proxy.set(stalled_finality={})
            undo.callback(proxy.clear)


def _clock_of(member: Member) -> float:
    """When it says that its last cycle ended."""
    shown = httpx.get(f"{member.url}/metrics", timeout=5).text
    name = "assay_last_cycle_timestamp_seconds "
    [line] = [line for line in shown.splitlines() if line.startswith(name)]
    return float(line.removeprefix(name))


CHAIN_FAULTS: list[Fault] = [
    WrongClock(_HOUR),
    WrongClock(-_HOUR),
    Reorganised([1]),
    Reorganised([5]),
    Reorganised([20]),
    Reorganised(range(1, 21)),
    StalledFinality(),
]
"""The last one sets the chain's clock an hour ahead of everybody's."""

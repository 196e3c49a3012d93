"""From a round's targets to its finalized commit, on real processes and a chain of 1 s blocks.

    python benchmarks/latency.py --rounds 50
    python benchmarks/latency.py --rounds 50 --down     with one of the four operators stopped

The net is that of ``make faults``: four operators, anvil, everything on this machine. A block is
final two blocks later; a commit counts once it is in a finalized block.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support"), str(ROOT / "tests" / "faults")]

import fault_net  # noqa: E402
from fault_net import FaultNet  # noqa: E402
from fault_rounds import Fault, FaultWorld  # noqa: E402

from oracle.errors import UnreachableError  # noqa: E402
from oracle.settlement.rounds import Status  # noqa: E402

BLOCK_SECONDS = 1.0
GOALS = {"p50": 60, "p95": 120, "max": 180}
COMMITTED = (Status.COMMITTED, Status.FINAL)


class Timed(Fault):
    """A round with nothing wrong; notes when its commit was final."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._since = 0.0
        self._open = False

    def due(self, world: FaultWorld, number: int) -> None:
        world.await_due(number)
        self._since, self._open = time.monotonic(), True

    def watch(self, world: FaultWorld, number: int) -> None:
        if not self._open:
            return
        try:
            facts = world.reader.facts(number, world.reader.finalized(), number)
        except UnreachableError:
            return
        if facts.status in COMMITTED:
            self.seconds.append(time.monotonic() - self._since)
            self._open = False


def measure(rounds: int, down: bool) -> list[float]:
    """Seconds from the targets to the finalized commit, by round."""
    timed = Timed()
    with tempfile.TemporaryDirectory(prefix="assay-latency-") as folder:
        net = FaultNet.in_folder(Path(folder) / "net")
        try:
            net.start()
            world = FaultWorld(net)
            world.settle_in()
            if down:
                net.end_operator(net.members[-1])
                world.is_whole = lambda: True  # type: ignore[method-assign]
            for _ in range(rounds):
                outcome = world.play(timed)
                if not outcome.passed:
                    raise SystemExit(f"round {world.number}: {outcome.text}")
        finally:
            net.stop()
    return timed.seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--down", action="store_true", help="with one operator stopped")
    options = parser.parse_args()
    fault_net.TICK_SECONDS = BLOCK_SECONDS
    seconds = sorted(measure(options.rounds, options.down))
    found = {
        "p50": statistics.median(seconds),
        "p95": seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))],
        "max": seconds[-1],
    }
    who = "three of four operators" if options.down else "four operators"
    print(f"{len(seconds)} rounds, {who}, targets to finalized commit:")
    for name, value in found.items():
        goal = GOALS[name] + (60 if options.down else 0)
        print(f"  {name}  {value:6.1f} s   goal {goal} s")
    return int(any(found[name] > GOALS[name] + 60 * options.down for name in GOALS))


if __name__ == "__main__":
    sys.exit(main())

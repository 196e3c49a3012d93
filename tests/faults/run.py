"""``make faults``: a round for every fault on real processes, and a table of what came of them.

    make faults ARGS="--only kill --list"
    make faults ARGS="--rounds 100 --seed 1"     so many rounds, each with a fault drawn by chance

Exits with an error if anything went otherwise than without the fault.
"""

import argparse
import random
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from fault_list import FAULTS
from fault_net import FaultNet
from fault_rounds import Fault, FaultWorld, Outcome


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no regular expression: {error}") from None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", type=_pattern, default=_pattern(""), help="faults whose name matches, a regex"
    )
    parser.add_argument("--list", action="store_true", help="print the names and do nothing")
    parser.add_argument("--rounds", type=int, help="so many rounds with faults drawn by chance")
    parser.add_argument("--seed", type=int, default=1, help="of the draw")
    parser.add_argument("--keep", type=Path, help="folder for logs and files, kept")
    options = parser.parse_args()
    chosen = [fault for fault in FAULTS if options.only.search(fault.name)]
    if options.rounds:
        # Those of one net, which then goes through all the rounds, as long as none spoils it.
        drawn = [fault for fault in chosen if fault.kind == Fault.kind and not fault.spoils]
        chosen = random.Random(options.seed).choices(drawn, k=options.rounds)
    if options.list:
        print("\n".join(fault.name for fault in chosen))
        return 0
    if options.keep:
        options.keep.mkdir(parents=True)
        return _play(options.keep, chosen)
    with tempfile.TemporaryDirectory(prefix="assay-faults-") as folder:
        return _play(Path(folder), chosen)


def _play(folder: Path, faults: Sequence[Fault]) -> int:
    started, failed, rounds, equal = time.monotonic(), 0, 0, 0
    print(f"{'fault':<48}{'outcome':<48}{'round s':>8}{'recovered s':>12}", flush=True)
    waiting, nets = list(faults), 0
    while waiting:
        nets += 1
        net = FaultNet.in_folder(folder / f"net-{nets}", waiting[0].kind)
        try:
            net.start()
            world = FaultWorld(net)
            world.settle_in()
            failed += _use(world, waiting)
            rounds, equal = rounds + world.number, equal + world.equal
        finally:
            net.stop()
    kinds, seconds = len({fault.name for fault in faults}), time.monotonic() - started
    print(
        f"{rounds} rounds with {kinds} kinds of faults, {failed} failed; lanes equal to the "
        f"reference after {equal}; {nets} nets, {seconds:.0f} s"
    )
    return 1 if failed else 0


def _use(world: FaultWorld, waiting: list[Fault]) -> int:
    """Plays faults, and takes them off the list, until the net is spoilt or is not what the next
    one needs; how many failed."""
    while waiting and waiting[0].kind == world.net.kind:
        fault = waiting.pop(0)
        outcome = _line(world.play(fault))
        if not outcome.passed or fault.spoils:
            return int(not outcome.passed)
    return 0


def _line(outcome: Outcome) -> Outcome:
    text = outcome.text if outcome.passed else f"FAILED: {outcome.text}"
    print(
        f"{outcome.name:<48}{text:<48}{outcome.seconds:>8.1f}{outcome.recovered:>12.1f}",
        flush=True,
    )
    return outcome


if __name__ == "__main__":
    sys.exit(main())

"""Many rounds on a chain in this process with random faults: ``make rounds ARGS="--rounds 1000"``.

Prints how much memory hangs on an operator every twenty rounds, and what happened; ends with an
error if anything differs from the reference, or if the operators grow.
"""

import argparse
import gc
import logging
import tempfile
import time
from pathlib import Path

import psutil
import structlog
from round_machine import Faults, RoundMachine, growth, held

_EVERY = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory(prefix="assay-rounds-") as folder:
        machine = RoundMachine(Path(folder), options.seed, int(time.time()), Faults())
        try:
            return _play(machine, options.rounds)
        finally:
            machine.close()


def _play(machine: RoundMachine, rounds: int) -> int:
    started, sizes = time.monotonic(), {}
    print(" rounds  seconds  RSS MB  operator kB  objects")
    while machine.played < rounds:
        machine.play(min(_EVERY, rounds - machine.played))
        gc.collect()
        sizes[machine.played] = size = held(machine.steady)
        resident = psutil.Process().memory_info().rss / 2**20
        seconds = time.monotonic() - started
        print(
            f"{machine.played:>7}  {seconds:>7.0f}  {resident:>6.0f}  "
            f"{size.size / 1024:>11.0f}  {size.objects:>7}",
            flush=True,
        )
    machine.finish()
    for name, count in sorted(machine.happened.items()):
        print(f"{name:<32}{count:>8}")
    print(f"{machine.audit.checked} rounds and {machine.audit.submissions} submissions as expected")
    grown = growth(sizes)
    if grown:
        print(f"error: {grown}")
    return 1 if grown else 0


if __name__ == "__main__":
    raise SystemExit(main())

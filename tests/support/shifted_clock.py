"""A module in a process whose clock is wrong: ``python shifted_clock.py SECONDS -m MODULE ...``

Every look at the time of day is off by so many seconds; clocks that only measure are not.
"""

import runpy
import sys
import time

_true_time, _true_time_ns = time.time, time.time_ns


def shift(seconds: int) -> None:
    """Call before anything imports ``time.time`` by name."""
    time.time = lambda: _true_time() + seconds
    time.time_ns = lambda: _true_time_ns() + seconds * 10**9


def main() -> None:
    _, seconds, option, module, *arguments = sys.argv
    assert option == "-m", "SECONDS -m MODULE ARGUMENTS"
    shift(int(seconds))
    sys.argv = [module, *arguments]
    sys.path[0] = ""  # as python -m has it
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()

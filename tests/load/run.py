"""``make load``: many models submit in a round's last minute, and many people read its scores.

    make load ARGS="--models 100 --readers 50"
    make load ARGS="--json load.json --database postgresql://..."

Real processes: a chain, four operators, the tournament server. Exits with an error if a file was
lost: if it was acknowledged and is not in the committed result, or never acknowledged at all.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from load_net import load_net
from load_rounds import Load, play


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    key: str


_COLUMNS = [
    *(_Column(name, name) for name in ("done", "failed", "again", "seconds")),
    *(_Column(name, name) for name in ("per_second", "p50", "p90", "p99", "max")),
]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=int, default=1_000)
    parser.add_argument("--rows", type=int, default=6_700, help="of each file")
    parser.add_argument("--at-once", type=int, default=64, help="submissions under way at once")
    parser.add_argument(
        "--within", type=float, default=60.0, help="seconds before the close: the first"
    )
    parser.add_argument("--margin", type=float, default=10.0, help="seconds before it: the last")
    parser.add_argument("--horizon", type=int, default=300, help="seconds that late files have")
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--read", type=float, default=30.0, help="seconds that they read for")
    parser.add_argument("--database", default="server.sqlite", help="a file, or postgresql://..")
    parser.add_argument("--json", type=Path, help="write the figures here, for machines")
    options = parser.parse_args()
    wanted = Load(
        models=options.models,
        rows=options.rows,
        at_once=options.at_once,
        within=options.within,
        margin=options.margin,
        horizon=options.horizon,
        readers=options.readers,
        read_seconds=options.read,
    )
    with (
        tempfile.TemporaryDirectory(prefix="assay-load-") as folder,
        load_net(Path(folder), wanted.models, wanted.rows, options.database) as net,
    ):
        figures = play(net, wanted, lambda text: print(text, file=sys.stderr, flush=True))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    _print(figures)
    return 1 if figures["lost"] else 0


def _print(figures: dict) -> None:
    print(f"{'':<14}" + "".join(f"{column.title:>12}" for column in _COLUMNS))
    for what in ("submissions", "readers"):
        shown = figures[what]
        print(f"{what:<14}" + "".join(f"{shown[column.key]!s:>12}" for column in _COLUMNS))
    print(
        f"\n{figures['accepted']} of {figures['models']} in the committed result, "
        f"{figures['on_time']} on time, {figures['lost']} lost"
    )
    work = figures["cpu_ms_each"]
    print("work for a submission, ms of CPU: " + ", ".join(f"{n} {ms}" for n, ms in work.items()))
    print("peak memory, MiB: " + ", ".join(f"{n} {m}" for n, m in figures["peak_mib"].items()))


if __name__ == "__main__":
    sys.exit(main())

"""Times the evaluation of a large round from its files, and measures its memory.

    .venv/bin/python benchmarks/evaluation.py [--models 10000] [--rows 6700] [--workers 2]
        [--tournament 8]

In Signals (11) there are 60 neutralizers, and in it and Crypto (12) files leave out a tenth of the
ids. Every file is made when it is read, so that nothing but the evaluation holds memory: `read`
gives CSVs of some 190 KB. Memory is that of this process and of all that it starts, ten times a
second: resident sizes summed (pages that processes share count in each), and proportional ones.
"""

import argparse
import hashlib
import resource
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import psutil
from eth_account import Account

from oracle.evaluation.evaluate import Entry, RoundInputs, Scorer, evaluate
from oracle.scoring.signal_round import SignalTarget
from oracle.settlement.manifest import CloseBlock
from oracle.settlement.payout import SCORE_KINDS, Template
from oracle.settlement.reference import Stakes
from oracle.settlement.specs import NEWEST, SPECS
from oracle.settlement.typed_data import Announcement, Domain, Submission, message
from oracle.settlement.units import MILLIONTH, RATE_ONE, UNITS_PER_NMR
from oracle.tournaments import BY_NUMBER, by_number
from oracle.tournaments.signal_files import (
    COLUMNS,
    signal_targets_bytes,
    signal_universe_bytes,
)
from oracle.tournaments.universe import targets_bytes, universe_bytes

CHAIN, POOL = 731371, "0x" + "aA" * 20
SIGNALS, NEUTRALIZERS = 11, 60


class Files:
    """A file for each number: ids with one list of values, turned by the number."""

    def __init__(self, ids: list[str], tournament: int) -> None:
        random, rules = np.random.default_rng(1), by_number(tournament)
        columns = rules.id_columns[-1], rules.prediction_columns[0]
        self._header = ",".join(columns).encode() + b"\n"
        self._heads = [f"{name},0.".encode() for name in ids]
        if not rules.need_all_ids:
            self._heads = [head for row, head in enumerate(self._heads) if row % 10]
        self._values = [b"%09d\n" % v for v in random.integers(1, 10**9, len(self._heads)).tolist()]
        self._number: dict[bytes, int] = {}

    def make(self, number: int) -> bytes:
        turn = number * 31 % len(self._values)
        values = self._values[turn:] + self._values[:turn]
        if number >= len(self._values):  # other values, lest two models be the same
            values = values[::-1]
        body = [part for pair in zip(self._heads, values, strict=True) for part in pair]
        return self._header + b"".join(body)

    def listed(self, number: int) -> tuple[bytes, int]:
        raw = self.make(number)
        sha256 = hashlib.sha256(raw).digest()
        self._number[sha256] = number
        return sha256, len(raw)

    def read(self, sha256: bytes) -> bytes:
        return self.make(self._number[sha256])


def provided(ids: list[str], target: np.ndarray, tournament: int) -> tuple[bytes, bytes]:
    """Universe and targets."""
    if tournament != SIGNALS:
        return universe_bytes(ids), targets_bytes(ids, target)
    dice, rows = np.random.default_rng(3), len(ids)
    basis = np.linalg.qr(dice.normal(size=(rows, NEUTRALIZERS)))[0]
    weights = dice.integers(1, 10**9, rows)
    given = SignalTarget(target, weights, np.rint(basis * 10**9).astype(np.int64))
    names = [[name] * len(COLUMNS) for name in ids]
    return signal_universe_bytes(names), signal_targets_bytes(ids, given)


def round_of(models: int, rows: int, tournament: int) -> tuple[RoundInputs, Files]:
    """A round in which every model has one file, half of a hundred accounts."""
    ids = [f"n{i:015x}" for i in range(rows)]
    files = Files(ids, tournament)
    accounts = [Account.create() for _ in range(50)]
    entries = []
    for model in range(models):
        sha256, size = files.listed(model)
        said = message(Submission(7, model, sha256, 1), Domain(CHAIN, POOL))
        signature = bytes(accounts[model % 50].sign_message(said).signature)
        entries.append(Entry(model, sha256, 1, True, signature, size))
    first, second, third = (SCORE_KINDS[name] for name in by_number(tournament).scores)
    template = Template(
        (first, second, third),
        (750_000, 2_250_000, 0),
        RATE_ONE // 20,
        RATE_ONE // 20,
        10**15,
        500_000,
    )
    announcement = Announcement(
        POOL, tournament, 7, 1_800_000_000, 1_800_003_600, 2_592_000, MILLIONTH, bytes(32),
        SPECS[NEWEST].hash, 1, template,
    )  # fmt: skip
    levels = np.array([0, 250_000_000, 500_000_000, 750_000_000, 10**9])
    target = levels[np.random.default_rng(2).integers(0, 5, rows)]
    universe, targets = provided(ids, target, tournament)
    inputs = RoundInputs(
        chain_id=CHAIN,
        oracle="0x" + "bb" * 20,
        announcement=announcement,
        close_block=CloseBlock(number=99, hash="0x" + "33" * 32, timestamp=1_800_003_599),
        stakes=Stakes(models, dict.fromkeys(range(models), UNITS_PER_NMR), frozenset()),
        owners={m: accounts[m % 50].address for m in range(models)},
        universe=universe,
        targets=targets,
        entries=entries,
    )
    return inputs, files


@dataclass
class Memory:
    """Peaks in bytes, from ``start`` to ``stop``."""

    resident: int = 0
    proportional: int = 0
    largest: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        threading.Thread(target=self._watch, daemon=True).start()

    def stop(self) -> None:
        self._over.set()

    def _watch(self) -> None:
        own = psutil.Process()
        while not self._over.wait(0.1):
            found = [_sizes(one) for one in (own, *own.children(recursive=True))]
            self.resident = max(self.resident, sum(rss for rss, _ in found))
            self.proportional = max(self.proportional, sum(pss for _, pss in found))
            self.largest = max(self.largest, *(rss for rss, _ in found))


def _sizes(process: psutil.Process) -> tuple[int, int]:
    try:
        sizes = process.memory_full_info()
    except psutil.Error:
        return 0, 0
    return sizes.rss, sizes.pss


def _processor() -> float:
    found = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=6_700)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--tournament", type=int, choices=sorted(BY_NUMBER), default=8)
    options = parser.parse_args()
    inputs, files = round_of(options.models, options.rows, options.tournament)
    size = sum(entry.size for entry in inputs.entries)
    print(f"{options.models} models x {options.rows} rows, {size / 1e6:,.0f} MB of files")
    memory, began = Memory(), time.monotonic()
    spent: list[float] = []

    def read(sha256: bytes) -> bytes:
        since = time.perf_counter()
        raw = files.read(sha256)
        spent.append(time.perf_counter() - since)
        return raw

    memory.start()
    result = evaluate(inputs, read, scorer=Scorer(workers=options.workers))
    memory.stop()
    seconds = time.monotonic() - began
    print(f"{seconds:.1f} s, {sum(spent):.1f} s of it making files; {options.workers} processes")
    print(f"{_processor():.1f} s of processor time, making files and signing included")
    print(f"{len(spent)} files read, manifest {result.manifest.digest().hex()[:16]}")
    for name in ("resident", "proportional", "largest"):
        print(f"{name}: {getattr(memory, name) / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()

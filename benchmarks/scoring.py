"""Times the scores on this machine: CPU time of one process, median and spread of some repeats.

    .venv/bin/python benchmarks/scoring.py [--models 200 1000 5000] [--only TEXT] [--json FILE]

A job is made from its data once, run once to compile and warm up, then timed. BLAS is kept to one
thread, so that CPU time is time on one processor.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

import numpy as np  # noqa: E402
import scoring_data  # noqa: E402

from oracle.scoring.block import score_block, score_context  # noqa: E402
from oracle.scoring.checks import blocks  # noqa: E402
from oracle.scoring.hardening import hardening  # noqa: E402
from oracle.scoring.meta_model import meta_model, sum_stakes  # noqa: E402
from oracle.scoring.pairwise import apcwnm, mcwnm  # noqa: E402
from oracle.scoring.round import rank_predictions  # noqa: E402

Run = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Job:
    """``make(models)`` prepares the data and returns what is timed. ``sizes``: the numbers of
    models, unless given by --models."""

    name: str
    make: Callable[[int], Run]
    sizes: tuple[int, ...]
    fixed: bool = False
    """Whether the sizes are the job's own whatever --models says."""


@dataclass(frozen=True, slots=True)
class Result:
    """Seconds of CPU time; ``peak_mb`` is the process' largest memory so far."""

    job: str
    models: int
    median: float
    least: float
    most: float
    repeats: int
    peak_mb: float


def corr_mmc(models: int) -> Run:
    """From predictions to CORR and MMC: ranks, meta model, both scores."""
    data = scoring_data.make_round(models)

    def run() -> object:
        ranks = rank_predictions(data.predictions)
        context = score_context(data.target, sum_stakes(ranks, data.stakes), cwmm=False)
        return [score_block(ranks[cut], context) for cut in blocks(*ranks.shape)]

    return run


def daily(models: int) -> Run:
    """Ranks and meta model are stored; a new target comes."""
    data = scoring_data.make_round(models)
    ranks = rank_predictions(data.predictions)
    meta, meta_ranks = sum_stakes(ranks, data.stakes), meta_model(ranks, data.stakes)

    def run() -> object:
        context = score_context(data.next_target, meta, meta_ranks, cwmm=False)
        return [score_block(ranks[cut], context) for cut in blocks(*ranks.shape)]

    return run


def eras(models: int) -> Run:
    """CORR and MMC of a few models over 200 eras of 5,000 rows, the meta model given."""
    data = scoring_data.make_eras(models, 200)
    metas = [meta_model(rank_predictions(era.predictions), [1] * models) for era in data]

    def run() -> object:
        found = []
        for era, meta in zip(data, metas, strict=True):
            ranks = rank_predictions(era.predictions)
            context = score_context(era.target, benchmark_ranks=meta)
            found.append(score_block(ranks, context))
        return found

    return run


def hardening_levels(models: int) -> Run:
    """Levels of all models from stored ranks, three models an account."""
    data = scoring_data.make_round(models)
    ranks = rank_predictions(data.predictions)
    return lambda: hardening(ranks, data.stakes, data.accounts)


def largest_pairwise(models: int) -> Run:
    """MCWNM from stored ranks: every pair of models."""
    ranks = rank_predictions(scoring_data.make_round(models).predictions)
    return lambda: mcwnm(ranks)


def mean_pairwise(models: int) -> Run:
    """APCWNM from stored ranks."""
    ranks = rank_predictions(scoring_data.make_round(models).predictions)
    return lambda: apcwnm(ranks)


SIZES = (200, 1_000, 5_000)
JOBS = [
    Job("CORR + MMC", corr_mmc, SIZES),
    Job("daily re-score", daily, SIZES),
    Job("CORR + MMC, 200 eras", eras, (10,), fixed=True),
    Job("hardening", hardening_levels, SIZES),
    Job("MCWNM", largest_pairwise, SIZES),
    Job("APCWNM", mean_pairwise, SIZES),
]


def timed(job: Job, models: int, repeats: int) -> Result:
    run = job.make(models)
    run()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    median = statistics.median(times)
    return Result(job.name, models, median, min(times), max(times), repeats, peak_mb())


def peak_mb() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def results(sizes: list[int], only: str, repeats: int) -> Iterator[Result]:
    for job in JOBS:
        if only.lower() in job.name.lower():
            for models in job.sizes if job.fixed or not sizes else sizes:
                yield timed(job, models, repeats)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, nargs="+", default=[], help="models of a round")
    parser.add_argument("--only", default="", metavar="TEXT", help="jobs whose name has TEXT")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    options = parser.parse_args()
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} processors"
    print(f"{machine}, Python {platform.python_version()}, NumPy {np.__version__}")
    print(f"{scoring_data.LIVE_ROWS} rows; seconds of CPU time, {options.repeats} repeats\n")
    print(f"{'job':22}{'models':>8}{'median':>10}{'least':>10}{'most':>10}{'us/model':>10}")
    found = []
    for result in results(options.models, options.only, options.repeats):
        found.append(result)
        each = result.median / result.models * 1e6
        spread = f"{result.median:10.4f}{result.least:10.4f}{result.most:10.4f}"
        print(f"{result.job:22}{result.models:8}{spread}{each:10.1f}", flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(result) for result in found], indent=1) + "\n")


if __name__ == "__main__":
    main()

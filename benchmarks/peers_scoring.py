"""Time numerai-tools' fastest release and the scoring engine on the same data, side by side.

    python benchmarks/peers_scoring.py [--small] [--only NAME ...] [--json FILE]

Runs in the project's environment and starts a process for each engine and job: the peer in
.venv-conformance (`make conformance-scores` sets it up) with the release of
tests/conformance/older.lock. CPU seconds of one thread: the median of the runs, least to most.
`bound` is what no engine avoids, measured in the same process as ours: a sort of the same keys, or
for FNC the two matrix products. benchmarks/README.md says what each job does.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np
from scoring_data import LIVE_ROWS, make_eras, make_round

ROOT = Path(__file__).resolve().parents[1]
PEER = Path(os.environ.get("CONFORMANCE_VENV", ROOT / ".venv-conformance"))
SCALE = 10**9
SMALL_ROWS = 1_000
SEED = 20_261_122
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
ERAS, ERA_MODELS = 200, 10
NEUTRALIZERS, FACTORS, GROUPS, BAGS = 60, 70, 10, 100


@dataclass(frozen=True)
class Job:
    """A name, the kind of work, its size, and how often each side runs it (0: not at all)."""

    kind: str
    models: int
    features: int = 0
    ours: int = 5
    peer: int = 3

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.models}" + (f"x{self.features}" if self.features else "")


JOBS = (
    Job("scores", 200),
    Job("scores", 1_000),
    Job("scores", 5_000, ours=3, peer=1),
    Job("rescore", 5_000, ours=3, peer=0),
    Job("fnc", 1_000, 40),
    Job("fnc", 1_000, 400, peer=1),
    Job("fnc", 1_000, 2_376, ours=3, peer=1),
    Job("fnc-cold", 1_000, 40, peer=0),
    Job("fnc-cold", 1_000, 400, peer=0),
    Job("fnc-cold", 1_000, 2_376, ours=3, peer=0),
    Job("signals", 1_000, peer=1),
    Job("eras", ERA_MODELS, peer=1),
    Job("tc", 1_000, ours=3, peer=0),
    Job("tc-bags", 1_000, ours=3, peer=0),
)
SMALL = (
    Job("scores", 50),
    Job("rescore", 50, peer=0),
    Job("fnc", 50, 40),
    Job("fnc-cold", 50, 40, peer=0),
    Job("signals", 50),
    Job("eras", 2),
    Job("tc", 50, peer=0),
)
SAME_PEER = {"rescore": "scores", "fnc-cold": "fnc"}
"""Kinds whose peer's figure is that of another kind of the same size: it keeps nothing."""


# Data: written once a job, read by both sides


def write_data(job: Job, rows: int, folder: Path) -> None:
    """Arrays of the job as .npy files: rounds of `scoring_data`, and what else it needs."""
    random = np.random.default_rng([SEED, job.models, job.features, rows])

    def save(name: str, array: np.ndarray) -> None:
        np.save(folder / f"{name}.npy", array)

    if job.kind == "eras":
        rounds = make_eras(job.models, ERAS, rows)
    else:
        rounds = [make_round(job.models, rows)]
    save("predictions", np.concatenate([one.predictions for one in rounds]))
    save("target", np.stack([one.target for one in rounds]))
    save("meta", np.stack([one.predictions.mean(axis=0).astype(np.int64) for one in rounds]))
    save("stakes", np.array(rounds[0].stakes))
    if job.features:
        save("features", random.integers(0, 5, (rows, job.features), dtype=np.int8))
    if job.kind == "signals":
        columns = np.linalg.qr(random.standard_normal((rows, NEUTRALIZERS)))[0]
        save("neutralizers", np.rint(columns * SCALE).astype(np.int64))
        save("weights", random.integers(SCALE // 5, SCALE, rows))
    if job.kind in ("tc", "tc-bags"):
        ones = np.ones((rows, 1), np.int64)
        sectors = np.eye(GROUPS, dtype=np.int64)[random.integers(0, GROUPS, rows)]
        save("equalities", np.hstack([ones, sectors]) * SCALE)
        save("exposures", np.rint(random.standard_normal((rows, FACTORS)) * 1e9).astype(np.int64))
        save("returns", np.rint(random.standard_normal(rows) * 3e7).astype(np.int64))


def load(folder: Path, name: str) -> np.ndarray:
    return np.load(folder / f"{name}.npy")


# Ours

Runner = Callable[[], object]
Prepare = Callable[[], Runner]


def our_runner(job: Job, folder: Path) -> tuple[Runner, Prepare | None]:
    """What to time, and what makes the bound's work ready."""
    predictions = load(folder, "predictions")
    target, meta = load(folder, "target"), load(folder, "meta")
    keys: list[np.ndarray] = []

    def sort_keys() -> None:
        np.sort(keys[0], axis=1)

    def prepare() -> Runner:
        keys.append(predictions.astype(np.uint32))
        return sort_keys

    if job.kind == "rescore":
        return our_scores(job, predictions, target, meta), None
    if job.kind in ("scores", "eras"):
        return our_scores(job, predictions, target, meta), prepare
    from oracle.scoring.round import rank_predictions

    ranks = rank_predictions(predictions)
    if job.kind.startswith("fnc"):
        return our_fnc(job, ranks, target[0], load(folder, "features"))
    if job.kind == "signals":
        return our_signals(predictions, target[0], folder), prepare
    return our_tc(job, ranks, folder), None


def our_scores(job: Job, predictions: np.ndarray, target: np.ndarray, meta: np.ndarray) -> Runner:
    from oracle.scoring.block import score_block, score_context
    from oracle.scoring.checks import blocks
    from oracle.scoring.ranks import doubled_ranks
    from oracle.scoring.round import rank_predictions

    stored = rank_predictions(predictions) if job.kind == "rescore" else None

    def run() -> None:
        for era, live in enumerate(target):
            part = predictions[era * job.models : (era + 1) * job.models]
            ranks = rank_predictions(part) if stored is None else stored
            context = score_context(live, benchmark_ranks=doubled_ranks(meta[era]))
            for block in blocks(*ranks.shape):
                score_block(ranks[block], context)

    return run


def our_fnc(
    job: Job, ranks: np.ndarray, target: np.ndarray, features: np.ndarray
) -> tuple[Runner, Prepare]:
    from oracle.scoring.fnc import fnc
    from oracle.scoring.least_squares import FeatureProjector

    def prepare() -> Runner:
        real, values = features.astype(np.float64), ranks.astype(np.float64)
        return lambda: (values @ real) @ real.T

    if job.kind == "fnc-cold":
        return lambda: fnc(ranks, FeatureProjector.of(features), target), prepare
    projector = FeatureProjector.of(features)
    return lambda: fnc(ranks, projector, target), prepare


def our_signals(predictions: np.ndarray, target: np.ndarray, folder: Path) -> Runner:
    from oracle.scoring.alpha import alpha
    from oracle.scoring.mpc import mpc
    from oracle.scoring.round import rank_predictions

    arguments = (load(folder, "neutralizers"), load(folder, "weights"), target)
    stakes = load(folder, "stakes").tolist()

    def run() -> None:
        ranks = rank_predictions(predictions)
        alpha(ranks, *arguments)
        mpc(ranks, stakes, *arguments)

    return run


def our_tc(job: Job, ranks: np.ndarray, folder: Path) -> Runner:
    from oracle.scoring.portfolio import PortfolioProblem
    from oracle.scoring.true_contribution import true_contribution

    problem = PortfolioProblem(
        exposures=load(folder, "exposures"),
        factor_variances=np.full(FACTORS, SCALE, np.int64),
        equalities=load(folder, "equalities"),
        specific_variances=np.full(ranks.shape[1], SCALE, np.int64),
        bags=BAGS if job.kind == "tc-bags" else 0,
    )
    stakes, returns = load(folder, "stakes").tolist(), load(folder, "returns")
    return lambda: true_contribution(ranks, stakes, returns, problem)


# The peer


def peer_runner(job: Job, folder: Path) -> Runner:
    import pandas as pd
    from numerai_tools import scoring as peer

    predictions = load(folder, "predictions")
    index = pd.Index([f"n{row:07d}" for row in range(predictions.shape[1])], name="id")
    names = [f"model_{model}" for model in range(job.models)]

    def column(values: np.ndarray, name: str) -> pd.Series:
        return pd.Series(values / SCALE, index=index, name=name)

    frames = [
        pd.DataFrame((part / SCALE).T.copy(), index=index, columns=names)
        for part in np.split(predictions, len(predictions) // job.models)
    ]
    targets = [column(values, "target") for values in load(folder, "target")]
    metas = [column(values, "meta_model") for values in load(folder, "meta")]
    if job.kind in ("scores", "eras"):

        def scores() -> None:
            for frame, target, meta in zip(frames, targets, metas, strict=True):
                peer.numerai_corr(frame, target)
                peer.correlation_contribution(frame, meta, target)

        return scores
    if job.kind == "fnc":
        features = pd.DataFrame(load(folder, "features").astype(np.float64), index=index)
        return lambda: peer.feature_neutral_corr(frames[0], features, targets[0])
    neutralizers = pd.DataFrame(load(folder, "neutralizers") / SCALE, index=index)
    weights = column(load(folder, "weights"), "weight")
    stakes = pd.Series(load(folder, "stakes") / SCALE, index=names)

    def signals() -> None:
        peer.alpha(frames[0], neutralizers, weights, targets[0])
        peer.meta_portfolio_contribution(frames[0], stakes, neutralizers, weights, targets[0])

    return signals


# Timing


def cpu_seconds(run: Runner, times: int) -> list[float]:
    found = []
    for _ in range(times):
        start = process_time()
        run()
        found.append(process_time() - start)
    return found


def work(side: str, job: Job, folder: Path) -> dict[str, object]:
    """What a process of one side measures."""
    prepare = None
    if side == "peer":
        run, times = peer_runner(job, folder), job.peer
    else:
        run, prepare = our_runner(job, folder)
        times = job.ours
        run()  # compiles, or loads what was compiled, and fills the tables
    seconds = cpu_seconds(run, times)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    bound = cpu_seconds(prepare(), times) if prepare else []
    return {"seconds": seconds, "bound": bound, "memory": memory}


def measure(side: str, job: Job, folder: Path) -> dict[str, list[float]]:
    """Run one side of a job in a process of its own."""
    python = PEER / "bin" / "python" if side == "peer" else Path(sys.executable)
    path = PEER / "older" if side == "peer" else ROOT
    environment = dict(os.environ, PYTHONPATH=str(path)) | dict.fromkeys(ONE_THREAD, "1")
    command = [str(python), __file__, "--work", side, json.dumps(vars(job)), str(folder)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def spread(seconds: list[float]) -> str:
    if not seconds:
        return "-"
    ends = f" ({min(seconds):.3g}-{max(seconds):.3g})" if len(seconds) > 1 else ""
    return f"{median(seconds):.3g}{ends}"


HEAD = ("job", "peer, s", "ours, s", "ratio", "bound, s", "ours / bound", "peer, MB", "ours, MB")
WIDTHS = (20, 28, 32, 8, 32, 14, 10, 10)


def line(cells: tuple[str, ...]) -> str:
    return "".join(
        cell.ljust(width) if not place else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, WIDTHS, strict=True))
    )


def row(job: Job, peer: dict | None, ours: dict) -> str:
    mine = median(ours["seconds"])
    ratio = f"{median(peer['seconds']) / mine:.1f}" if peer else "-"
    distance = f"{mine / median(ours['bound']):.1f}" if ours["bound"] else "-"
    return line(
        (
            job.name,
            spread(peer["seconds"] if peer else []),
            spread(ours["seconds"]),
            ratio,
            spread(ours["bound"]),
            distance,
            f"{peer['memory'] / 1e6:,.0f}" if peer else "-",
            f"{ours['memory'] / 1e6:,.0f}",
        )
    )


def compare(jobs: tuple[Job, ...], rows: int) -> dict[str, dict]:
    found: dict[str, dict] = {}
    print(line(HEAD), flush=True)
    for job in jobs:
        with tempfile.TemporaryDirectory(prefix="peers-scoring-") as name:
            write_data(job, rows, Path(name))
            ours = measure("ours", job, Path(name))
            if job.peer:
                peer = measure("peer", job, Path(name))
            else:
                kind = SAME_PEER.get(job.kind, "")
                peer = found.get(Job(kind, job.models, job.features).name, {}).get("peer")
        found[job.name] = {"peer": peer, "ours": ours}
        print(row(job, peer, ours), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--small", action="store_true", help="a quick look: 1,000 rows, few models")
    parser.add_argument("--only", nargs="+", default=[], help="names of jobs, or their beginnings")
    parser.add_argument("--json", type=Path, help="also write all figures to this file")
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        side, job, folder = args.work
        json.dump(work(side, Job(**json.loads(job)), Path(folder)), sys.stdout)
        return
    if not (PEER / "older").is_dir():
        sys.exit(f"error: {PEER} is missing; run `make conformance-scores` first")
    jobs = SMALL if args.small else JOBS
    chosen = tuple(job for job in jobs if not args.only or job.name.startswith(tuple(args.only)))
    if not chosen:
        sys.exit(f"error: no such job; there are {', '.join(job.name for job in jobs)}")
    found = compare(chosen, SMALL_ROWS if args.small else LIVE_ROWS)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()

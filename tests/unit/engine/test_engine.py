"""The engine gives the integers of the plain functions, and leaves nothing behind when it fails."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import engine_sources as sources
import numpy as np
import psutil
import pytest
from engine_sources import MODELS, ROWS

from oracle.engine import EngineError, ScoringEngine
from oracle.engine.worker import rank_part
from oracle.scoring.block import score_block, score_context
from oracle.scoring.errors import ScoringError
from oracle.scoring.hardening import hardening
from oracle.scoring.limits import SCALE
from oracle.scoring.portfolio import plain_problem
from oracle.scoring.ranks import doubled_ranks
from oracle.scoring.round import RoundScores, score_round
from oracle.scoring.signal_round import SignalTarget, score_signals

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PREDICTIONS = sources.predictions(0, MODELS)
RANKS = doubled_ranks(PREDICTIONS)
RANDOM = np.random.default_rng(9)
TARGET = RANDOM.integers(0, 5, ROWS) * (SCALE // 4)
STAKES = RANDOM.integers(0, 2**40, MODELS).tolist()
ACCOUNTS = [f"account {model // 4}" for model in range(MODELS)]
COUNTS = [model % 5 > 0 for model in range(MODELS)]


def everything(scores: RoundScores) -> list:
    arrays = ("corr", "mmc", "meta_values", "meta_ranks", "rho", "levels", "tc")
    lists = [getattr(scores, name).tolist() for name in arrays]
    return [*lists, scores.meta_status, scores.rho_statuses, scores.tc_status]


ROUND = {"accounts": ACCOUNTS, "portfolio": plain_problem(ROWS, seed=3, bags=4)}
EXPECTED = everything(score_round(PREDICTIONS, TARGET, STAKES, COUNTS, **ROUND))


@pytest.fixture(scope="module", params=[(1, 1), (1, 1000), (2, 7), (4, 5)], ids=str)
def engine(request, tmp_path_factory) -> Iterator[ScoringEngine]:
    """Ranked engines of several numbers of processes and models a block."""
    workers, block = request.param
    folder = tmp_path_factory.mktemp("ranks")
    options = {"workers": workers, "block_models": block, "folder": folder}
    with ScoringEngine(MODELS, ROWS, **options) as made:
        made.rank_from(sources.predictions)
        yield made
    assert list(folder.iterdir()) == []


def test_score_round__any_workers_and_blocks__the_integers_of_the_plain_function(engine):
    found = engine.score_round(TARGET, STAKES, COUNTS, **ROUND)
    assert found.tc_status == "ok"
    assert everything(found) == EXPECTED


def test_score_signals__any_workers_and_blocks__the_integers_of_the_plain_function(engine):
    random = np.random.default_rng(10)
    given = SignalTarget(
        TARGET, random.integers(0, SCALE, ROWS), random.integers(-SCALE, SCALE, (ROWS, 3))
    )
    found, expected = (
        engine.score_signals(given, STAKES, accounts=ACCOUNTS),
        score_signals(PREDICTIONS, given, STAKES, accounts=ACCOUNTS),
    )
    for name in ("meta_values", "rho", "levels"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist()
    assert found.meta_status == expected.meta_status == "ok"
    for name in ("alpha", "mpc"):
        products = (getattr(one.products, name).tolist() for one in (found, expected))
        assert next(products) == next(products)
        assert getattr(found.products, f"{name}_status") == "ok"


def test_rank__blocks_of_other_sizes_from_an_iterator__the_same_ranks(engine):
    cuts = [0, 0, 1, 9, 30, MODELS]
    blocks = (PREDICTIONS[a:b] for a, b in pairwise(cuts))
    engine.rank(blocks)
    assert everything(engine.score_round(TARGET, STAKES, COUNTS, **ROUND)) == EXPECTED


def test_score__another_target_and_a_benchmark__from_the_ranks_that_are_there(engine):
    target = RANDOM.integers(-SCALE, SCALE, ROWS)
    context = score_context(target, engine.stake_sums(STAKES), None, RANKS[7])
    found, plain = engine.score(context), score_block(RANKS, context)
    for name in ("corr", "mmc", "cwmm", "bmc"):
        assert getattr(found, name).tolist() == getattr(plain, name).tolist()


@pytest.mark.parametrize("stakes", [[0] * MODELS, [0] * (MODELS - 1) + [5]])
def test_hardening__little_stake__statuses_of_the_plain_function(engine, stakes):
    found, plain = engine.hardening(stakes, ACCOUNTS), hardening(RANKS, stakes, ACCOUNTS)
    assert found.statuses == plain.statuses
    assert found.rho.tolist() == plain.rho.tolist()


def test_engine__bad_target_or_stakes__named_error_and_still_good(engine):
    for call, code in (
        (lambda: engine.score_round(TARGET * 0, STAKES), "constant_target"),
        (lambda: engine.score(score_context(np.arange(5))), "shape"),
        (lambda: engine.stake_sums([1]), "shape"),
        (lambda: engine.hardening(STAKES, ["a"]), "shape"),
    ):
        with pytest.raises(ScoringError) as raised:
            call()
        assert raised.value.code == code
    assert everything(engine.score_round(TARGET, STAKES, COUNTS, **ROUND)) == EXPECTED


@pytest.mark.parametrize(
    "bad",
    [
        [np.where(np.arange(MODELS)[:, None] == 3, SCALE + 1, PREDICTIONS)],
        [PREDICTIONS[:5]],
    ],
    ids=["out of range", "too few"],
)
def test_rank__again_and_refused__no_scores_of_a_mixture(tmp_path, bad):
    with ScoringEngine(MODELS, ROWS, workers=1, folder=tmp_path) as engine:
        engine.rank([PREDICTIONS])
        with pytest.raises(ScoringError):
            engine.rank(bad)
        with pytest.raises(ScoringError) as raised:
            engine.score_round(TARGET, STAKES)
        assert raised.value.code == "not_ranked"
        engine.rank([PREDICTIONS])
        assert everything(engine.score_round(TARGET, STAKES, COUNTS, **ROUND)) == EXPECTED


def test_rank__more_blocks_than_processes__taken_as_they_get_on(engine):
    """Not all blocks are in memory at a time: at most a few ahead of the one that is done."""
    taken = []

    def blocks() -> Iterator[np.ndarray]:
        for model in range(MODELS):
            taken.append(model)
            yield PREDICTIONS[model : model + 1]

    results = engine._pool.run("ranking", rank_part, engine._numbered(blocks()))
    next(results)
    assert len(taken) <= 2 * 4 + 1
    assert sum(1 for _ in results) == MODELS - 1


# ---------------------------------------------------------------------- failures


@pytest.mark.parametrize(
    ("source", "code", "models"),
    [
        (sources.faulty, "constant_prediction", (5, 40)),
        (sources.out_of_range, "prediction_range", (2, 41)),
        (sources.too_few, "shape", ()),
        (sources.too_narrow, "shape", ()),
    ],
)
def test_rank_from__bad_predictions__error_names_the_rounds_models(engine, source, code, models):
    with pytest.raises(ScoringError) as raised:
        engine.rank_from(source)
    assert (raised.value.code, raised.value.models) == (code, models)
    engine.rank_from(sources.predictions)


@pytest.mark.parametrize("cut", [MODELS - 1, MODELS + 1])
def test_rank__other_number_of_models__named_error(engine, cut):
    with pytest.raises(ScoringError) as raised:
        engine.rank([np.resize(PREDICTIONS, (cut, ROWS))])
    assert raised.value.code == "shape"
    engine.rank_from(sources.predictions)


def test_rank_from__source_fails__error_says_what_and_where(engine):
    with pytest.raises(EngineError, match=r"ranking, block \d+: OSError: disk gone"):
        engine.rank_from(sources.unreadable)
    engine.rank_from(sources.predictions)


def test_rank__iterator_fails__its_own_error(engine):
    def blocks() -> Iterator[np.ndarray]:
        yield PREDICTIONS[:3]
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        engine.rank(blocks())
    engine.rank_from(sources.predictions)


@pytest.mark.parametrize("source", [sources.killed, sources.unpicklable])
def test_rank_from__process_dies_or_answers_rubbish__error_and_nothing_left(tmp_path, source):
    before = set(psutil.Process().children(recursive=True))
    with (
        pytest.raises(EngineError, match="ranking, block"),
        ScoringEngine(MODELS, ROWS, workers=2, block_models=4, folder=tmp_path) as engine,
    ):
        engine.rank_from(source)
    assert list(tmp_path.iterdir()) == []
    ours = [
        process
        for process in set(psutil.Process().children(recursive=True)) - before
        # Others' children, such as a database's, come and go meanwhile.
        if "spawn_main" in " ".join(process.cmdline())
    ]
    assert ours == []


def test_engine__used_after_a_death__error_not_a_hang(tmp_path):
    with ScoringEngine(MODELS, ROWS, workers=1, block_models=4, folder=tmp_path) as engine:
        for _ in range(2):
            with pytest.raises(EngineError, match="a process ended"):
                engine.rank_from(sources.killed)


def test_engine__used_after_its_end__error_not_a_hang(tmp_path):
    with ScoringEngine(MODELS, ROWS, workers=1, folder=tmp_path) as engine:
        pass
    with pytest.raises(EngineError, match="closed"):
        engine.rank_from(sources.predictions)
    engine.close()


def test_engine__parent_killed__processes_and_file_go(tmp_path):
    script = (
        "import sys, time\n"
        f"sys.path[:0] = [{str(HERE)!r}, {str(ROOT)!r}]\n"
        "if __name__ == '__main__':\n"
        "    from pathlib import Path\n"
        "    import engine_sources as sources, psutil\n"
        "    from oracle.engine import ScoringEngine\n"
        f"    engine = ScoringEngine({MODELS}, {ROWS}, workers=2, folder=Path({str(tmp_path)!r}))\n"
        "    engine.rank_from(sources.predictions)\n"
        "    print(*(child.pid for child in psutil.Process().children()), flush=True)\n"
        "    time.sleep(600)\n"
    )
    path = tmp_path / "script.py"
    path.write_text(script)
    with subprocess.Popen([sys.executable, path], stdout=subprocess.PIPE, text=True) as parent:
        children = [int(pid) for pid in parent.stdout.readline().split()]
        os.kill(parent.pid, signal.SIGKILL)
    assert len(children) >= 2
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and (
        any(map(psutil.pid_exists, children)) or list(tmp_path.glob("assay-ranks-*"))
    ):
        time.sleep(0.05)
    assert not any(map(psutil.pid_exists, children))
    assert list(tmp_path.glob("assay-ranks-*")) == []


def test_engine__nothing_ranked_yet__named_error(tmp_path):
    with ScoringEngine(MODELS, ROWS, workers=1, folder=tmp_path) as engine:
        for call in (
            lambda: engine.stake_sums(STAKES),
            lambda: engine.score(score_context(TARGET)),
            lambda: engine.hardening(STAKES, ACCOUNTS),
        ):
            with pytest.raises(ScoringError) as raised:
                call()
            assert raised.value.code == "not_ranked"


def test_engine__no_model__empty_scores(tmp_path):
    with ScoringEngine(0, ROWS, workers=1, folder=tmp_path) as engine:
        engine.rank([])
        found = engine.score_round(TARGET, [])
    assert everything(found) == everything(score_round(PREDICTIONS[:0], TARGET, []))


@pytest.mark.parametrize(
    ("models", "rows", "options", "code"),
    [
        (3, 2, {}, "too_few_rows"),
        (3, 20_001, {}, "too_many_rows"),
        (100_001, 3, {}, "too_many_models"),
        (3, 3, {"block_models": 0}, "block"),
        (3, 3, {"workers": 0}, "workers"),
    ],
)
def test_engine__bad_sizes__named_error_and_no_file(tmp_path, models, rows, options, code):
    with pytest.raises(ScoringError) as raised:
        ScoringEngine(models, rows, folder=tmp_path, **options)
    assert raised.value.code == code
    assert list(tmp_path.iterdir()) == []

"""True Contribution against finite differences and a second opinion, and its laws."""

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from portfolio_cases import (
    Round,
    clarabel_weights,
    digest,
    fixed_digest,
    risk_problem,
    second_masks,
    second_opinion,
    some_round,
    stream,
    with_fields,
)
from scoring_strategies import rounds

from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import SCALE, STAKE_BITS
from oracle.scoring.portfolio import (
    PortfolioProblem,
    Solver,
    plain_problem,
    solve_portfolio,
    verify_portfolio,
)
from oracle.scoring.portfolio_signals import (
    dropout_masks,
    masked_sums,
    meta_signals,
    signals_of,
)
from oracle.scoring.ranks import doubled_ranks
from oracle.scoring.tables import normal_table
from oracle.scoring.true_contribution import (
    RETURN_LIMIT,
    TrueContribution,
    portfolio_gradient,
    true_contribution,
)

ROOT = Path(__file__).resolve().parents[3]
CASES = Path(__file__).with_name("portfolio_cases.py")
FIXED = "6bc3c7b43aec446a166e066decbf06263689a60f181aff2329cce6dc121fb00d"

PROBLEMS = {
    "risk model": risk_problem(120, 4, (3, 5), bags=6, seed=3, box=SCALE // 50),
    "gross binds": risk_problem(120, 4, (3,), bags=6, gross=SCALE // 4, box=SCALE // 50),
    "plain": plain_problem(120, bags=6),
}


def score(case: Round, problem: PortfolioProblem, **options: object) -> TrueContribution:
    return true_contribution(case.ranks, case.stakes, case.returns, problem, **options)


# ---------------------------------------------------------------------- the definition


@pytest.mark.slow
@pytest.mark.parametrize("name", PROBLEMS)
def test_scores__second_opinion__same(name):
    problem, case = PROBLEMS[name], some_round(9, 120)
    expected = second_opinion(case, problem)
    found = score(case, problem).scores / SCALE
    assert np.abs(found - expected).max() < 2e-9 + 1e-6 * np.abs(expected).max()


@pytest.mark.slow
def test_portfolio__general_convex_solver__same_weights():
    found = score(some_round(30, 800), risk_problem(800, 10, (8, 12), bags=0))
    problem = risk_problem(800, 10, (8, 12))
    expected = clarabel_weights(problem, found.signal)
    assert np.abs(found.gradient.portfolio.weights - expected).max() < 2e-6 * problem.box / SCALE


@pytest.mark.parametrize("name", PROBLEMS)
def test_plain__finite_differences__same(name):
    """|m| / sqrt N dR / ds_k by stakes moved 1e-6 of the total, over portfolios solved anew."""
    problem, case = PROBLEMS[name], some_round(9, 120)
    quantiles = normal_table(120)[0][case.ranks] / 2**28
    size = np.sqrt(np.mean((np.array(case.stakes, float) @ quantiles) ** 2))
    step = sum(case.stakes) // 10**6
    plain = score(case, problem).plain / SCALE

    def payoff(stakes: list[int]) -> float:
        signal = meta_signals(case.ranks, stakes)[0].signal
        return solve_portfolio(problem, signal).weights @ (case.returns / SCALE)

    for model in range(9):
        moved = [list(case.stakes), list(case.stakes)]
        moved[0][model] += step
        moved[1][model] -= step
        slope = (payoff(moved[0]) - payoff(moved[1])) / (2 * step) * size
        assert abs(slope - plain[model]) < 1e-8


def test_scores__no_bags__are_the_plain_gradient():
    found = score(some_round(5, 60), plain_problem(60, bags=0))
    assert found.gradient.bags == ()
    assert np.array_equal(found.scores, found.plain)


@given(rounds(max_models=4, max_rows=12), st.integers(0, 2**256 - 1))
def test_signals__small_rounds__of_exact_sums(case, seed):
    """Every bag's m / |m| against sums in Python's integers, the largest stakes included."""
    ranks = doubled_ranks(case.predictions)
    stakes = [case.stakes[0] << 5, *case.stakes[1:]]
    models, rows = ranks.shape
    table = normal_table(rows)[0]
    problem = plain_problem(rows, seed=seed, bags=4)
    staked = [model for model in range(models) if stakes[model]]
    drawn = np.zeros((4, models), int)
    drawn[:, staked] = second_masks(len(staked), problem)
    masks = [[1] * models, *drawn.tolist()]
    exact = [
        [
            sum(
                bit * stake * int(table[k]) for bit, stake, k in zip(mask, stakes, col, strict=True)
            )
            for col in ranks.T.tolist()
        ]
        for mask in masks
    ]
    assume(len(set(exact[0])) > 1)
    found = meta_signals(ranks, stakes, 4, seed)
    for sums, signal in zip(exact, found, strict=True):
        if len(set(sums)) == 1:
            assert signal is None
            continue
        norm = Fraction(sum(value * value for value in sums), rows)
        for value, z, a in zip(sums, signal.z.tolist(), signal.signal.tolist(), strict=True):
            assert abs(Fraction(z) ** 2 - value**2 / norm) <= Fraction(1, 10**14) * rows
            assert (z > 0) == (value > 0)
            assert abs(a - np.sign(z) * abs(z) ** 1.5) <= 1e-14 * rows


def test_signals__largest_stakes_and_ranks__do_not_overflow():
    """Every model's stake in the upper half, all agreeing, N as large as the table allows."""
    rows, models = 20_000, 7
    ranks = np.tile(doubled_ranks(np.arange(rows)), (models, 1))
    stakes = [(1 << STAKE_BITS - 3) - 1] * models
    [signal] = meta_signals(ranks, stakes)
    table = normal_table(rows)[0]
    expected = table[ranks[0]] / np.sqrt(np.mean(table[ranks[0]].astype(float) ** 2))
    assert np.abs(signal.z - expected).max() < 1e-13


# ---------------------------------------------------------------------- laws


@pytest.fixture(scope="module")
def usual() -> tuple[Round, PortfolioProblem, TrueContribution]:
    case, problem = some_round(9, 120), PROBLEMS["gross binds"]
    return case, problem, score(case, problem)


@pytest.mark.parametrize("factor", [3, 7919, 2**14])
def test_scores__another_unit_of_stake__same_bytes(usual, factor):
    case, problem, _ = usual
    stakes = [stake // 2**14 for stake in case.stakes]
    one = score(Round(case.ranks, stakes, case.returns), problem)
    other = score(Round(case.ranks, [factor * s for s in stakes], case.returns), problem)
    assert digest(one) == digest(other)


def test_scores__identical_signals__equal_whatever_their_stake(usual):
    case, problem, _ = usual
    ranks = np.vstack([case.ranks, case.ranks[:3]])
    found = score(Round(ranks, [*case.stakes, 0, 1, 2**40], case.returns), problem)
    assert found.scores[:3].tolist() == found.scores[9:].tolist()
    assert found.plain[:3].tolist() == found.plain[9:].tolist()
    assert np.abs(found.scores).min() > 0


def test_scores__models_without_stake__change_nobody_elses(usual):
    """Wherever they stand: nobody can move the masks by a submission that is not at risk."""
    case, problem, alone = usual
    others = some_round(4, 120, "others").ranks
    ranks = np.vstack([others[:2], case.ranks[:5], others[2:], case.ranks[5:]])
    stakes = [0, 0, *case.stakes[:5], 0, 0, *case.stakes[5:]]
    found = score(Round(ranks, stakes, case.returns), problem)
    assert [*found.scores[2:7], *found.scores[9:]] == alone.scores.tolist()
    assert len(set(found.scores.tolist())) == 13


def test_plain__a_stake_split_over_copies__same_bytes(usual):
    case, problem, alone = usual
    part = case.stakes[4] // 3
    ranks = np.vstack([case.ranks, case.ranks[4]])
    stakes = [*case.stakes[:4], case.stakes[4] - part, *case.stakes[5:], part]
    found = score(Round(ranks, stakes, case.returns), problem)
    assert found.plain.tolist() == [*alone.plain.tolist(), alone.plain[4]]


@pytest.mark.parametrize("stake", [1, 2**40, 2**54])
def test_plain__a_pair_that_cancels__changes_nobody_elses(usual, stake):
    """p and 1 - p at equal stakes leave the meta model, and so every derivative, as it is."""
    case, problem, alone = usual
    ranks = np.vstack([case.ranks, case.ranks[:1], 242 - case.ranks[:1]])
    found = score(Round(ranks, [*case.stakes, stake, stake], case.returns), problem)
    assert found.plain[:9].tolist() == alone.plain.tolist()
    assert found.plain[9] == -found.plain[10] == alone.plain[0]


@pytest.mark.parametrize("extra", [1, 2**20])
def test_scores__stakes_that_nearly_cancel__bounded(usual, extra):
    """A pair holds all stake but one model's dust: many bags, and the full meta model, are tiny."""
    case, problem, alone = usual
    mirrored = 242 - case.ranks[0]
    ranks = np.vstack([case.ranks[0], mirrored, case.ranks[1:]])
    stakes = [2**54, 2**54 + extra, *[1] * 8]
    found = score(Round(ranks, stakes, case.returns), problem)
    for scores in (found.scores, found.plain):
        assert 0 < np.abs(scores).max() <= bound(case, problem) * SCALE
    assert np.abs(found.scores).max() < 5 * np.abs(alone.scores).max()


def bound(case: Round, problem: PortfolioProblem) -> float:
    """1.5 scale sqrt(max w * r'Wr) N^(3/4), as in docs/scoring.md."""
    rows = case.returns.size
    inverse = 1 / (problem.risk_aversion / SCALE * (problem.specific_variances / SCALE))
    energy = inverse @ (case.returns / SCALE) ** 2
    return 1.5 * problem.scale / SCALE * np.sqrt(inverse.max() * energy) * rows**0.75


def test_scores__plain_ones_do_not_fit__are_there_all_the_same(usual):
    """Nothing that is paid needs them: they are computed when asked for."""
    _, _, found = usual
    entries = with_fields(found.gradient.plain, shift=-40)
    gradient = with_fields(found.gradient, plain=entries)
    broken = with_fields(found, gradient=gradient)
    assert broken.scores.tolist() == found.scores.tolist()
    with pytest.raises(ScoringError) as caught:
        _ = broken.plain
    assert caught.value.code == "score_range"


def test_plain__models_in_another_order__same_scores(usual):
    case, problem, found = usual
    order = np.random.default_rng(0).permutation(9)
    stakes = [case.stakes[model] for model in order]
    moved = score(Round(case.ranks[order], stakes, case.returns), problem)
    assert moved.plain.tolist() == found.plain[order].tolist()


@pytest.mark.parametrize("name", PROBLEMS)
def test_plain__weighted_by_stake__sums_to_zero(name):
    """More stake for all changes nothing. Each score may be off by its rounding, half a unit."""
    case = some_round(9, 120)
    plain = score(case, PROBLEMS[name]).plain.tolist()
    weighted = sum(stake * tc for stake, tc in zip(case.stakes, plain, strict=True))
    assert abs(weighted) <= sum(case.stakes)
    assert max(map(abs, plain)) > 10**4


def test_scores__returns_moved_alike_or_doubled__neutral_and_linear(usual):
    case, problem, found = usual
    moved = score(Round(case.ranks, case.stakes, case.returns + SCALE // 10), problem)
    assert np.abs(moved.scores - found.scores).max() <= 1
    doubled = score(Round(case.ranks, case.stakes, 2 * case.returns), problem)
    assert np.abs(doubled.scores - 2 * found.scores).max() <= 2
    scaled = score(case, with_fields(problem, scale=2 * SCALE))
    assert scaled.scores.tolist() == doubled.scores.tolist()


def test_scores__same_returns_everywhere__zero(usual):
    case, problem, _ = usual
    for returns in (np.zeros(120, np.int64), np.full(120, SCALE)):
        assert not score(Round(case.ranks, case.stakes, returns), problem).scores.any()


def test_scores__a_model_that_knows_the_returns__positive(usual):
    case, problem, _ = usual
    ranks = np.vstack([case.ranks, doubled_ranks(case.returns), doubled_ranks(-case.returns)])
    found = score(Round(ranks, [*case.stakes, 0, 0], case.returns), problem).scores
    assert found[9] == found.max() > 0
    assert found[10] == found.min() == -found[9]


def test_scores__extreme_stakes__defined(usual):
    case, problem, _ = usual
    stakes = [1] * 8 + [2**STAKE_BITS - 9]
    found = score(Round(case.ranks, stakes, case.returns), problem)
    assert found.gradient.bags.count(None) == 0
    assert abs(int(found.plain[8])) <= 1  # nearly all stake is its own: more of it changes nothing
    assert found.scores[8] != 0  # but it is left out of half of the bags


# ---------------------------------------------------------------------- bags


@given(st.integers(1, 70), st.integers(0, 4), st.integers(0, 2**256 - 1))
def test_masks__any_seed__as_written(models, pairs, seed):
    problem = plain_problem(3, seed=seed, bags=2 * pairs)
    expected = second_masks(models, problem)[::2]
    assert dropout_masks(models, pairs, seed).astype(int).tolist() == expected


def test_bags__one_model_has_all_stake__those_without_it_are_left_out(usual):
    case, problem, _ = usual
    found = score(Round(case.ranks, [0] * 8 + [5], case.returns), problem)
    assert [bag is None for bag in found.gradient.bags].count(True) == 3
    assert np.abs(found.scores - found.plain).max() <= 1


def test_bags__opposite_models__a_constant_bag_is_left_out():
    """p and 1 - p with equal stakes cancel wherever both or neither stay; a third model decides."""
    case, problem = some_round(3, 60), plain_problem(60, bags=20)
    ranks = np.vstack([case.ranks[0], 122 - case.ranks[0], case.ranks[2]])
    found = score(Round(ranks, [5, 5, 1], case.returns), problem)
    cancel = [mask[0] == mask[1] and not mask[2] for mask in second_masks(3, problem)]
    assert any(cancel)
    assert [bag is None for bag in found.gradient.bags] == cancel


def test_bags__constraints_pin_every_name__counts_as_zero():
    """The models together leave names free; the second alone, of two values, puts all at a box."""
    rows = 60
    ranks = doubled_ranks(np.vstack([some_round(1, rows).ranks, np.arange(rows) // 30]))
    problem = with_fields(plain_problem(rows, bags=2), risk_aversion=100 * SCALE)
    problems = (with_fields(problem, seed=seed) for seed in range(50))
    problem = next(p for p in problems if second_masks(2, p)[1] == [0, 1])
    returns = some_round(1, rows).returns
    found = true_contribution(ranks, [9, 1], returns, problem)
    first = true_contribution(ranks, [9, 0], returns, with_fields(problem, bags=0))
    assert None not in found.gradient.bags
    assert np.abs(first.scores).max() > 1000
    assert np.abs(2 * found.scores - first.scores).max() <= 1


@pytest.mark.parametrize("fields", [{"box": 1000}, {"risk_aversion": SCALE // 2}])
@pytest.mark.parametrize("bags", [0, 4])
def test_scores__every_name_is_pinned_everywhere__zero(fields, bags):
    case = some_round(3, 60)
    found = score(case, with_fields(plain_problem(60, bags=bags), **fields))
    assert not found.scores.any()
    assert not found.plain.any()


def grieving(rows: int) -> np.ndarray:
    """Two groups of 100 names far out, which fill boxes and gross limit alone; the rest at rest."""
    order = stream("grief", rows).argsort()
    values = np.where(np.arange(rows) < rows // 2, 1, 2)
    values[:100], values[-100:] = 0, 3
    return doubled_ranks(values[order.argsort()])


def test_scores__one_model_pins_all_names_of_its_bags__others_count_still():
    """Half of the stake on a model made to pin every name: so it does in the bags it rules."""
    case = some_round(4, 1_000)
    problem = plain_problem(1_000, bags=60)
    honest = score(Round(case.ranks, [1] * 4, case.returns), problem)
    ranks = np.vstack([grieving(1_000), case.ranks])
    found = score(Round(ranks, [4, 1, 1, 1, 1], case.returns), problem)
    bags = [bag for bag in found.gradient.bags if bag is not None]
    assert len(bags) >= 58
    assert 0 < sum(np.isin(np.abs(bag.weights), [0, 1 / 200]).all() for bag in bags) < 30
    assert (found.scores[1:] != 0).all()
    assert np.corrcoef(found.scores[1:], honest.scores)[0, 1] > 0.5


def failing(monkeypatch: pytest.MonkeyPatch, signals: list, which: set[int]) -> list:
    """Let the portfolios of some signals not be found. Returns where the others were begun."""
    solve, begun = Solver.solve, []

    def sometimes(self, signal, start=None):
        [number] = [n for n, known in enumerate(signals) if np.array_equal(known.signal, signal)]
        if number in which:
            raise ScoringError("kkt_residual", "no portfolio")
        begun.append(start)
        return solve(self, signal, start)

    monkeypatch.setattr(Solver, "solve", sometimes)
    return begun


@pytest.fixture
def signals(usual) -> list:
    case, problem, _ = usual
    return meta_signals(case.ranks, case.stakes, problem.bags, problem.seed)


def test_bags__no_portfolio_of_some__are_left_out(usual, signals, monkeypatch):
    case, problem, whole = usual
    failing(monkeypatch, signals, {1, 3, 6})
    found = score(case, problem)
    assert [bag is None for bag in found.gradient.bags] == [True, False, True, False, False, True]
    assert found.plain.tolist() == whole.plain.tolist()
    assert 0 < np.abs(found.scores - whole.scores).max() < np.abs(whole.scores).max()


def test_bags__no_portfolio_of_the_full_meta_model__score_all_the_same(usual, signals, monkeypatch):
    case, problem, whole = usual
    begun = failing(monkeypatch, signals, {0})
    found = score(case, problem)
    assert begun == [None] * 6
    assert np.abs(found.scores - whole.scores).max() <= 1
    assert found.gradient.portfolio is None
    with pytest.raises(ScoringError) as caught:
        _ = found.plain
    assert caught.value.code == "kkt_residual"


@pytest.mark.parametrize(("bags", "which"), [(6, {1, 2, 3, 4}), (0, {0})])
def test_bags__fewer_than_half_have_a_portfolio__named_error(
    usual, signals, monkeypatch, bags, which
):
    case, problem, _ = usual
    failing(monkeypatch, signals, which)
    with pytest.raises(ScoringError) as caught:
        score(case, with_fields(problem, bags=bags))
    assert caught.value.code == "kkt_residual"


def test_bags__another_error__is_raised(usual, monkeypatch):
    case, problem, _ = usual

    def broken(*_: object) -> None:
        raise ScoringError("signal", "not finite")

    monkeypatch.setattr(Solver, "solve", broken)
    with pytest.raises(ScoringError, match="not finite"):
        score(case, problem)


def test_bags__certificates__verify(usual):
    case, problem, found = usual
    signals = meta_signals(case.ranks, case.stakes, problem.bags, problem.seed)
    for signal, bag in zip(signals, [found.gradient.portfolio, *found.gradient.bags], strict=True):
        x, residual = verify_portfolio(problem, signal.signal, bag.multipliers)
        assert x.tobytes() == bag.weights.tobytes()
        assert residual == bag.residual <= 1e-12


def last_first(job, items):
    return [job(item) for item in reversed(list(items))][::-1]


def sent_about(job, items):
    """As a pool of processes does: the work is sent, and its result is sent back."""
    return [pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(job))(item))) for item in items]


def test_scores__bags_in_any_order_or_elsewhere__same_bytes(usual):
    case, problem, found = usual
    with ThreadPoolExecutor(2) as pool:
        for map_bags in (last_first, sent_about, pool.map):
            assert digest(score(case, problem, map_bags=map_bags)) == digest(found)


@pytest.mark.parametrize("block_models", [1, 2, 5, 9])
def test_scores__models_in_blocks__same_bytes(usual, block_models):
    case, problem, found = usual
    assert digest(score(case, problem, block_models=block_models)) == digest(found)


def test_scores__from_blocks_summed_in_any_order__same(usual):
    """As a distributed engine would: each block's sums, then the gradient, then each's scores."""
    case, problem, found = usual
    masks = dropout_masks(9, problem.bags // 2, problem.seed)
    parts = [
        masked_sums(case.ranks[part], case.stakes[part], masks[:, part], part.start)
        for part in (slice(6, 9), slice(0, 1), slice(1, 6))
    ]
    signals = signals_of(parts[0].plus(parts[1]).plus(parts[2]), case.stakes)
    gradient = portfolio_gradient(signals, case.returns, problem)
    assert gradient.mean.scores(case.ranks[3:5]).tolist() == found.scores[3:5].tolist()
    assert gradient.plain.scores(case.ranks).tolist() == found.plain.tolist()


def test_scores__published_gradient__gives_them_in_integers(usual):
    case, problem, found = usual
    gradient = with_fields(found.gradient.mean, scale=3)
    table = normal_table(120)[0].tolist()
    assert 2**31 <= np.abs(gradient.entries).max() <= 2**32
    for row, score, small in zip(
        case.ranks.tolist(), found.scores, gradient.scores(case.ranks), strict=True
    ):
        pairs = zip(row, gradient.entries.tolist(), strict=True)
        exact = Fraction(sum(table[k] * entry for k, entry in pairs), 2**gradient.shift)
        assert score == round(exact * problem.scale)
        assert small == round(exact * 3)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_scores__ranks_of_another_type__same_bytes(usual, dtype):
    case, problem, found = usual
    other = Round(np.asfortranarray(case.ranks.astype(dtype)), case.stakes, case.returns)
    assert digest(score(other, problem)) == digest(found)


def test_scores__another_seed__other_scores_same_plain(usual):
    case, problem, found = usual
    other = score(case, with_fields(problem, seed=1))
    assert other.scores.tolist() != found.scores.tolist()
    assert other.plain.tolist() == found.plain.tolist()


# ---------------------------------------------------------------------- the same bytes everywhere


def test_digest__fixed_round__as_recorded():
    assert fixed_digest() == FIXED


@pytest.mark.slow
@pytest.mark.parametrize(
    "cpu",
    [{}, {"NUMBA_CPU_NAME": "generic"}, {"NUMBA_CPU_NAME": "haswell", "NUMBA_OPT": "2"}],
    ids=["host", "generic", "haswell"],
)
def test_digest__kernels_compiled_for_another_processor__as_recorded(cpu, tmp_path):
    environment = {"PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(tmp_path)}
    found = subprocess.run(
        [sys.executable, str(CASES)],
        env=os.environ | environment | cpu,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == [FIXED]


# ---------------------------------------------------------------------- bad input


def changed(**fields: object) -> dict[str, object]:
    case = some_round(3, 60)
    usual = {"ranks": case.ranks, "stakes": case.stakes, "returns": case.returns}
    return usual | {"problem": plain_problem(60, bags=2)} | fields


LINEAR = {"risk_aversion": 1, "box": SCALE, "gross": SCALE // 100}
"""Hardly any risk aversion: a linear programme, whose dual has no curvature."""

MIRRORED = np.vstack([some_round(1, 60).ranks, 122 - some_round(1, 60).ranks])


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"stakes": [0, 0, 0]}, "no_stake"),
        ({"stakes": [1, -1, 1]}, "negative_stake"),
        ({"stakes": [1, 1]}, "shape"),
        ({"stakes": [1, 1, 0.5]}, "dtype"),
        ({"stakes": [2**STAKE_BITS - 2, 1, 1]}, "stakes_total"),
        ({"ranks": MIRRORED, "stakes": [4, 4]}, "constant_meta_model"),
        ({"ranks": np.full((3, 60), 61)}, "constant_prediction"),
        ({"ranks": np.ones((3, 60), np.int64)}, "not_ranks"),
        ({"ranks": np.ones((3, 60))}, "dtype"),
        ({"ranks": doubled_ranks(np.arange(60))}, "shape"),
        ({"ranks": np.empty((0, 60), np.int64), "stakes": []}, "no_stake"),
        ({"problem": plain_problem(59)}, "shape"),
        ({"problem": 3}, "dtype"),
        ({"returns": np.zeros(59, np.int64)}, "shape"),
        ({"returns": np.full(60, np.nan)}, "dtype"),
        ({"returns": np.full(60, RETURN_LIMIT + 1)}, "return_range"),
        ({"returns": np.full(60, -RETURN_LIMIT - 1)}, "return_range"),
        ({"block_models": 0}, "block"),
        ({"problem": with_fields(plain_problem(60), **LINEAR)}, "kkt_residual"),
        (
            {
                "problem": with_fields(plain_problem(60), scale=10**18),
                "returns": np.arange(-30, 30) * (RETURN_LIMIT // 30),
            },
            "score_range",
        ),
    ],
)
def test_true_contribution__bad_input__named_error(fields, code):
    with pytest.raises(ScoringError) as caught:
        true_contribution(**changed(**fields))
    assert caught.value.code == code

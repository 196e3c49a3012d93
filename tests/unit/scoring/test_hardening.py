"""Hardening levels against the independent definition, and their laws."""

from fractions import Fraction
from math import floor

import naive_scores
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scoring_strategies import Round, rounds

from oracle.scoring.errors import ScoringError
from oracle.scoring.hardening import Hardening, hardening, level
from oracle.scoring.limits import MAX_ROWS, SCALE
from oracle.scoring.meta_model import meta_model, stake_sums
from oracle.scoring.ranks import doubled_ranks
from oracle.scoring.tables import normal_table

MAX_LEVEL = 15
RANKS = doubled_ranks(np.array([[1, 2, 3, 4], [1, 2, 4, 3], [4, 3, 2, 1]]))


@st.composite
def held_rounds(draw: st.DrawFn, **sizes: int) -> tuple[np.ndarray, list[int], list[int]]:
    """Ranks, stakes, and accounts that hold one or more of the models."""
    case: Round = draw(rounds(**sizes))
    count = len(case.stakes)
    accounts = draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    return doubled_ranks(case.predictions), case.stakes, accounts


def listed(found: Hardening) -> list[tuple[int, int, str]]:
    return list(zip(found.rho.tolist(), found.levels.tolist(), found.statuses, strict=True))


# ---------------------------------------------------------------------- the definition


@settings(max_examples=60)
@given(held_rounds(max_rows=12))
def test_hardening__small_rounds__equal_the_independent_definition(case):
    ranks, stakes, accounts = case
    assert listed(hardening(*case)) == [
        naive_scores.exact_rho(ranks.tolist(), stakes, accounts, model)
        for model in range(len(stakes))
    ]


@given(st.integers(4, 24).flatmap(lambda rows: st.tuples(*[st.permutations(range(rows))] * 2)))
def test_hardening__nothing_ties__pearson_of_the_normal_quantiles(orders):
    ranks = doubled_ranks(np.array(orders))
    quantiles = normal_table(ranks.shape[1])[0][ranks].tolist()
    expected = naive_scores.half_even(naive_scores.pearson(*quantiles) * SCALE)
    assert hardening(ranks, [0, 1], "ab").rho[0] == expected


@pytest.mark.parametrize("seventyfifths", range(-75, 76))
def test_level__rho_in_steps_of_a_75th__rounded_half_up(seventyfifths):
    exact = 15 * (Fraction(seventyfifths, 75) - Fraction(6, 10)) / Fraction(4, 10)
    assert level(seventyfifths, 75) == max(0, floor(exact + Fraction(1, 2)))


@pytest.mark.parametrize("reached", range(1, MAX_LEVEL + 1))
def test_level__just_below_a_boundary__is_one_less(reached):
    """2**-200 away, far finer than any rounded rho tells."""
    boundary, denominator = (44 + 2 * reached) << 200, 75 << 200
    assert level(boundary, denominator) == reached
    assert level(boundary - 1, denominator) == reached - 1


@pytest.mark.parametrize(
    ("rho", "expected"),
    [("-1", 0), ("0.6", 0), ("0.613", 0), ("0.62", 1), ("0.8", 8), ("0.98", 14), ("1", 15)],
)
def test_level__some_correlations__the_documented_levels(rho, expected):
    assert level(*Fraction(rho).as_integer_ratio()) == expected


@given(st.fractions(-1, 1), st.fractions(-1, 1))
def test_level__higher_rho__no_lower_level(one, other):
    low, high = sorted((one, other))
    assert 0 <= level(*low.as_integer_ratio()) <= level(*high.as_integer_ratio()) <= MAX_LEVEL


# ---------------------------------------------------------------------- what it promises


@given(held_rounds(), st.data())
def test_hardening__stake_split_within_an_account__changes_nothing(case, data):
    ranks, stakes, accounts = case
    part = data.draw(st.integers(0, stakes[0]))
    found = hardening(
        np.vstack([ranks, ranks[:1]]),
        [stakes[0] - part, *stakes[1:], part],
        [*accounts, accounts[0]],
    )
    before = listed(hardening(*case))
    assert listed(found) == [*before, before[0]]


@given(held_rounds(), st.integers(1, 3), st.data())
def test_hardening__stake_split_across_accounts__never_lowers_it(case, more, data):
    """An account's one prediction, its stake cut in any parts over more accounts of its owner."""
    ranks, stakes, accounts = case
    cuts = sorted(data.draw(st.integers(0, stakes[0])) for _ in range(more))
    parts = np.diff([0, *cuts, stakes[0]]).tolist()
    before = hardening(ranks, stakes, ["split", *accounts[1:]])
    found = hardening(
        np.vstack([ranks, *[ranks[:1]] * more]),
        [parts[0], *stakes[1:], *parts[1:]],
        ["split", *accounts[1:], *(f"split {number}" for number in range(more))],
    )
    for model in (0, *range(len(stakes), len(stakes) + more)):
        assert found.levels[model] >= before.levels[0]
        assert found.rho[model] >= before.rho[0]


def test_hardening__others_tied__a_copy_elsewhere_does_not_lower_it():
    """Ten rows in which Pearson's correlation of the quantiles would fall."""
    model, other = [0, 1, 2, 3, 4, 7, 8, 9, 5, 6], [0, 1, 2, 3, 4, 5, 6, 7, 8, 8]
    ranks = doubled_ranks(np.array([model, other, model]))
    metas = [meta_model(ranks, stakes) for stakes in ([0, 1000, 0], [0, 1000, 1])]
    table = normal_table(10)[0]
    own, before, after = (table[row].tolist() for row in (ranks[0], *metas))
    assert naive_scores.pearson(own, after) < naive_scores.pearson(own, before) - 0.009
    alone = hardening(ranks, [1, 1000, 0], ["split", "other", "split"])
    split = hardening(ranks, [0, 1000, 1], ["split", "other", "more"])
    assert split.rho[0] > alone.rho[0]


@given(rounds(), st.integers(1, 6))
def test_hardening__predictions_made_coarser__no_way_out(case, steps):
    """A copy of the others in fewer steps still agrees with them all the way."""
    ranks = doubled_ranks(case.predictions[:1])
    bounds = np.quantile(ranks, np.linspace(0, 1, steps + 2)[1:-1])
    coarse = np.digitize(ranks, bounds)
    assume(coarse.min() < coarse.max())
    found = hardening(np.vstack([doubled_ranks(coarse), ranks]), [0, 1], "ab")
    assert (found.rho[0], found.levels[0]) == (SCALE, 15)


@given(held_rounds(), st.integers(0, 2**48))
def test_hardening__all_others_alike__fifteen(case, stake):
    ranks, stakes, _ = case
    copies = np.repeat(ranks[:1], len(stakes) + 1, axis=0)
    found = hardening(copies, [stake, *stakes], range(len(stakes) + 1))
    assert listed(found)[0] == (SCALE, 15, "ok")


@given(held_rounds())
def test_hardening__opposite_of_all_others__zero(case):
    ranks, stakes, _ = case
    opposite = 2 * ranks.shape[1] + 2 - ranks[0]
    copies = np.vstack([opposite, *[ranks[0]] * len(stakes)])
    assert listed(hardening(copies, [7, *stakes], range(len(stakes) + 1)))[0] == (-SCALE, 0, "ok")


def noisy_models(models: int, rows: int) -> tuple[np.ndarray, list[int]]:
    """Models that share a signal, each in its own noise, and their stakes."""
    random = np.random.default_rng(7)
    share = random.integers(3, 15, (models, 1))
    noise = random.integers(0, SCALE, (models, rows)) * 10
    stakes = random.integers(1, 10**12, models)
    return doubled_ranks(share * random.integers(0, SCALE, rows) + noise), stakes.tolist()


@given(held_rounds(), st.integers(0, 2**48))
def test_hardening__copy_of_the_meta_model__fifteen(case, stake):
    ranks, stakes, _ = case
    copy = meta_model(ranks, stakes)
    assume(copy.min() < copy.max())
    found = hardening(np.vstack([copy, ranks]), [stake, *stakes], range(len(stakes) + 1))
    assert listed(found)[0] == (SCALE, 15, "ok")


def test_hardening__models_of_one_signal__levels_between():
    found = hardening(*noisy_models(40, 2000), range(40))
    assert set(found.levels.tolist()) >= {0, 1, 2, 3, 4, 5}


def test_hardening__noise_of_its_own__zero():
    ranks, stakes = noisy_models(40, 2000)
    noise = doubled_ranks(np.random.default_rng(8).integers(0, SCALE, (1, 2000)))
    found = hardening(np.vstack([ranks, noise]), [*stakes, 10**12], range(41))
    assert abs(found.rho[-1]) < 0.1 * SCALE
    assert found.levels[-1] == 0


def test_hardening__symmetric_and_rising_rows__exactly_uncorrelated():
    ranks = doubled_ranks(np.array([[1, 2, 3, 4, 5], [2, 1, 0, 1, 2]]))
    assert listed(hardening(ranks, [3, 4], "ab")) == [(0, 0, "ok")] * 2


# ---------------------------------------------------------------------- what does not matter


@given(held_rounds(), st.randoms())
def test_hardening__models_permuted__levels_permuted(case, random):
    ranks, stakes, accounts = case
    order = list(range(len(stakes)))
    random.shuffle(order)
    moved = hardening(ranks[order], [stakes[m] for m in order], [accounts[m] for m in order])
    plain = listed(hardening(*case))
    assert listed(moved) == [plain[model] for model in order]


@given(held_rounds(), st.randoms())
def test_hardening__rows_permuted__unchanged(case, random):
    ranks, stakes, accounts = case
    order = list(range(ranks.shape[1]))
    random.shuffle(order)
    assert listed(hardening(ranks[:, order], stakes, accounts)) == listed(hardening(*case))


@given(held_rounds(), st.integers(1, 7))
def test_hardening__block_size__changes_nothing(case, block):
    assert listed(hardening(*case, block_models=block)) == listed(hardening(*case))


@given(held_rounds(), st.integers(1, 2**5))
def test_hardening__all_stakes_scaled__unchanged(case, factor):
    ranks, stakes, accounts = case
    scaled = [stake * factor for stake in stakes]
    assert listed(hardening(ranks, scaled, accounts)) == listed(hardening(*case))


@given(held_rounds())
def test_hardening__other_names_and_types__same_levels(case):
    ranks, stakes, accounts = case
    narrow = ranks.astype(np.uint16)
    named = [f"0x{account:040x}" for account in accounts]
    for given_accounts in (named, np.array(accounts)):
        assert listed(hardening(narrow, stakes, given_accounts)) == listed(hardening(*case))


# ---------------------------------------------------------------------- corners


@pytest.mark.parametrize(
    ("stakes", "accounts", "statuses"),
    [
        ([5, 7, 0], "aab", ("no_stake", "no_stake", "ok")),
        ([0, 0, 0], "abc", ("no_stake",) * 3),
        ([5, 7, 9], "aaa", ("no_stake",) * 3),
        # Of models 0 and 2 each is the other's opposite: with equal stakes they say nothing.
        ([6, 1, 6], "aba", ("ok", "constant", "ok")),
        ([6, 0, 6], "aba", ("no_stake", "constant", "no_stake")),
    ],
)
def test_hardening__nothing_to_compare_with__zero_and_a_status(stakes, accounts, statuses):
    found = hardening(RANKS, stakes, accounts)
    assert found.statuses == statuses
    for rho, own_level, status in listed(found):
        assert status == "ok" or (rho, own_level) == (0, 0)


def test_hardening__no_stake_of_its_own__compared_all_the_same():
    assert listed(hardening(RANKS[[0, 0]], [0, 1], "ab")) == [(SCALE, 15, "ok"), (0, 0, "no_stake")]


def test_hardening__no_model__empty():
    found = hardening(RANKS[:0], [], [])
    assert (found.rho.size, found.levels.size, found.statuses) == (0, 0, ())


@pytest.mark.parametrize("stakes", [[2**55, 2**54 - 1, 2**54], [2**56 - 3, 1, 1]])
def test_hardening__most_rows_and_stake__as_in_python_integers(stakes):
    values = np.arange(MAX_ROWS)
    ranks = doubled_ranks(np.array([values, values // 3, (values * 7919) % MAX_ROWS]))
    table = normal_table(MAX_ROWS)[0].tolist()
    found = hardening(ranks, stakes, "abc")
    for model, own in enumerate(ranks.tolist()):
        one, two = (m for m in range(3) if m != model)
        sums = [stakes[one] * a + stakes[two] * b for a, b in ranks[[one, two]].T.tolist()]
        along, against, most = (
            sum(table[rank] * g for (*_, rank), g in zip(sorted(keys), table[2::2], strict=True))
            for keys in (
                zip(sums, own, strict=True),
                zip(sums, [-rank for rank in own], own, strict=True),
                zip(own, strict=True),
            )
        )
        rho = Fraction(along + against, 2 * most)
        assert found.rho[model] == naive_scores.fraction_half_even(rho * SCALE)
        assert found.levels[model] == level(along + against, 2 * most)


@pytest.mark.parametrize(
    ("changes", "code", "models"),
    [
        ({"accounts": "ab"}, "shape", ()),
        ({"accounts": [[], [], []]}, "dtype", ()),
        ({"stakes": [1, 2]}, "shape", ()),
        ({"stakes": [1, -1, 2]}, "negative_stake", (1,)),
        ({"ranks": RANKS / 2}, "dtype", ()),
        ({"ranks": RANKS + 1}, "not_ranks", (0, 1, 2)),
        ({"ranks": np.full((3, 4), 5)}, "constant_prediction", (0, 1, 2)),
        ({"block_models": 0}, "block", ()),
    ],
)
def test_hardening__bad_input__named_error(changes, code, models):
    arguments = {"ranks": RANKS, "stakes": [1, 2, 3], "accounts": "abc"}
    with pytest.raises(ScoringError) as raised:
        hardening(**(arguments | changes))
    assert (raised.value.code, raised.value.models) == (code, models)


@given(held_rounds(max_models=5), st.data())
def test_hardening__stakes_far_apart__sums_told_apart_to_the_last_bit(case, data):
    """The smallest stake decides between sums that the sort key of the largest rounds alike."""
    ranks, stakes, accounts = case
    sizes = st.sampled_from([0, 1, 2, 3, 2**26])
    far = data.draw(st.lists(sizes, min_size=len(stakes), max_size=len(stakes)))
    far[data.draw(st.integers(0, len(far) - 1))] = 2**55
    assert listed(hardening(ranks, far, accounts)) == [
        naive_scores.exact_rho(ranks.tolist(), far, accounts, model) for model in range(len(far))
    ]


def test_hardening__sums_alike_in_their_key__their_own_order():
    """2**55 on two steps, and 1 on many: within a step only the last bits differ."""
    rows = 3000
    values = np.arange(rows)
    ranks = doubled_ranks(np.array([values % 2, (values * 7) % rows, values[::-1]]))
    stakes = [2**55, 1, 0]
    others = stake_sums(ranks, stakes)
    alone = hardening(ranks, stakes, "abc")
    order = others.positions()
    assert np.unique(order).size == rows
    table = normal_table(rows)[0].tolist()
    along = sum(table[k] * table[2 * (p + 1)] for k, p in zip(ranks[2], order, strict=True))
    most = sum(entry * entry for entry in table[2::2])
    assert alone.rho[2] == naive_scores.fraction_half_even(Fraction(along, most) * SCALE)

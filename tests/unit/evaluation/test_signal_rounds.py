"""Rounds of Signals: rows under any of five names, Alpha and MPC, weights beside the targets."""

import json
from dataclasses import replace

import numpy as np
import partial_round as partial
import pytest
import synthetic_round as given_round
from hypothesis import given
from hypothesis import strategies as st
from partial_round import LATE, MODELS, NAMES, ROWS, TARGET, signal_inputs, weighted
from synthetic_round import all_files, csv_rows, entry, read, score_lanes

from oracle.evaluation.evaluate import Evaluation, EvaluationError, Scorer, evaluate
from oracle.evaluation.recompute import RecomputedError, derive, recompute
from oracle.scoring.alpha import alpha
from oracle.scoring.float_scores import alpha as float_alpha
from oracle.scoring.float_scores import meta_portfolio_contribution
from oracle.scoring.hardening import hardening
from oracle.scoring.limits import SCALE
from oracle.scoring.mpc import mpc
from oracle.scoring.round import rank_predictions
from oracle.scoring.signal_round import SignalTarget
from oracle.settlement.manifest import TARGETS, listed
from oracle.settlement.reference import Stakes
from oracle.settlement.typed_data import Domain, digest
from oracle.settlement.words import pack_score
from oracle.store.artefacts import ArtefactError
from oracle.tournaments.signal_files import signal_targets_bytes

DOMAIN = Domain(731371, given_round.ORACLE)
SCORES, STATUSES = "outputs/scores.csv", "outputs/statuses.json"
STAKES = [partial.STAKES.stakes.get(m, 0) if m != LATE else 0 for m in range(MODELS)]


@pytest.fixture(scope="module")
def result() -> Evaluation:
    return partial.signals()


def _predictions() -> np.ndarray:
    found = []
    for model in range(MODELS):
        rows = partial.signal_rows(model)
        ordered = sorted(rows.values())
        middle = ordered[(len(ordered) + 1) // 2 - 1]
        found.append([rows.get(row, middle) for row in range(ROWS)])
    return np.array(found)


# ---------------------------------------------------------------------- scores


def test_evaluate__signals__scores_are_those_of_the_kernels(result: Evaluation) -> None:
    rows = csv_rows(result)
    assert [int(row["model"]) for row in rows] == list(range(MODELS))
    assert list(rows[0])[3:] == ["alpha", "mpc", "rho", "level"]
    ranks, by = rank_predictions(_predictions()), weighted()
    fixed = (by.neutralizers, by.sample_weights, by.target)
    hardened = hardening(ranks, STAKES, [given_round.owner(m) for m in range(MODELS)])
    assert [int(row["alpha"]) for row in rows] == alpha(ranks, *fixed).tolist()
    assert [int(row["mpc"]) for row in rows] == mpc(ranks, STAKES, *fixed).tolist()
    assert [int(row["rho"]) for row in rows] == hardened.rho.tolist()
    assert [int(row["level"]) for row in rows] == hardened.levels.tolist()
    assert json.loads(result.files[STATUSES]) == {"meta_model": "ok", "alpha": "ok", "mpc": "ok"}


def test_evaluate__signals__agrees_with_the_scores_in_floats(result: Evaluation) -> None:
    """Those are numerai-tools' to 1e-8, as `make conformance-scores` shows."""
    by = weighted()
    floats = [part / SCALE for part in (by.neutralizers, by.sample_weights, by.target)]
    values = _predictions() / SCALE
    alphas = float_alpha(values, *floats)
    mpcs = meta_portfolio_contribution(values, np.array(STAKES) / SCALE, *floats)
    for row, first, second in zip(csv_rows(result), alphas, mpcs, strict=True):
        assert int(row["alpha"]) / SCALE == pytest.approx(first, abs=1e-8)
        assert int(row["mpc"]) / SCALE == pytest.approx(second, abs=1e-8)


def test_evaluate__signals__pays_on_alpha_and_mpc(result: Evaluation) -> None:
    lanes = score_lanes(result)
    assert set(lanes) == set(range(MODELS)) - {LATE}
    for row in csv_rows(result):
        if row["on_time"] == "1":
            packed = tuple(pack_score(int(row[name]))[0] for name in ("alpha", "mpc"))
            assert lanes[int(row["model"])].scores == (*packed, 0)


def test_evaluate__signals__meta_model_names_rows_by_their_id(result: Evaluation) -> None:
    meta = csv_rows(result, "outputs/meta_model.csv")
    assert [row["id"] for row in meta] == list(NAMES["numerai_ticker"])


@pytest.mark.slow
def test_evaluate__signals_over_processes__identical_bytes(result: Evaluation) -> None:
    found = evaluate(signal_inputs(), read, scorer=Scorer(workers=2, in_memory=0))
    assert (found.files, found.manifest, found.commit) == (
        result.files,
        result.manifest,
        result.commit,
    )


@given(st.permutations(partial.signal_entries()))
def test_evaluate__signals_in_any_order__identical_bytes(entries: list[object]) -> None:
    found, usual = evaluate(signal_inputs(entries=entries), read), partial.signals()
    assert digest(found.commit, DOMAIN) == digest(usual.commit, DOMAIN)


# ---------------------------------------------------------------------- names of rows


@pytest.mark.parametrize("column", NAMES)
def test_evaluate__same_rows_under_any_name__same_scores(column: str) -> None:
    values = {row: v for row, v in partial.signal_rows(5).items() if row % 10}  # all have names
    raw = partial.file({NAMES[column][r]: v for r, v in values.items()}, f"{column},signal")
    usual = partial.file(
        {NAMES["numerai_ticker"][r]: v for r, v in values.items()}, "numerai_ticker,prediction"
    )
    found, expected = (
        evaluate(signal_inputs(entries=[entry(0, one), *partial.signal_entries()[1:]]), read)
        for one in (raw, usual)
    )
    assert found.files[SCORES] == expected.files[SCORES]


def test_evaluate__names_of_another_column__rejected_with_the_reason() -> None:
    """A SEDOL is no ticker, even if every one of them is known in another column."""
    raw = partial.signal_file(4).replace(b"sedol,", b"ticker,", 1)
    found = evaluate(signal_inputs(entries=[entry(0, raw), *partial.signal_entries()[1:]]), read)
    [refused] = json.loads(found.files["inputs/submissions.json"])["rejected"]
    assert refused["reason"].startswith("invalid_submission_ids: 0 ids of the live universe")


# ---------------------------------------------------------------------- where a score is missing


def _targets(**changes: np.ndarray) -> bytes:
    return signal_targets_bytes(NAMES["numerai_ticker"], replace(weighted(), **changes))


@pytest.mark.parametrize(
    ("changes", "statuses"),
    [
        ({"stakes": Stakes(MODELS + 1, {}, frozenset())}, ("no_stake", "ok", "no_stake")),
        (
            {"targets": _targets(sample_weights=np.zeros(ROWS, np.int64))},
            ("ok", "ok", "zero_portfolio"),
        ),
        (
            {
                "targets": _targets(
                    sample_weights=np.full(ROWS, 10**6 * SCALE),
                    neutralizers=(np.arange(ROWS) * 7_000 * SCALE)[:, None],
                )
            },
            ("ok", "score_range", "ok"),
        ),
        ({"entries": []}, ("no_submission",) * 3),
    ],
    ids=["nobody staked", "weights of zero", "beyond all numbers", "nothing sent"],
)
def test_evaluate__no_such_score__zero_with_the_reason(
    changes: dict[str, object], statuses: tuple[str, str, str]
) -> None:
    given = signal_inputs(**changes)
    found = evaluate(given, read)
    said = json.loads(found.files[STATUSES])
    assert said == dict(zip(("meta_model", "alpha", "mpc"), statuses, strict=True))
    for name in ("alpha", "mpc"):
        assert all(row[name] == "0" for row in csv_rows(found)) or said[name] == "ok"
    assert derive(found.manifest, found.files.__getitem__).manifest == found.manifest
    assert recompute(found.manifest, all_files(found, given).__getitem__).links == found.links


def test_evaluate__target_that_tells_nothing__refused() -> None:
    """As in Classic: the provider has to publish others."""
    with pytest.raises(ValueError, match="target"):
        evaluate(signal_inputs(targets=_targets(target=np.ones(ROWS, np.int64))), read)


def test_evaluate__kinds_of_other_tournaments__refused() -> None:
    given = signal_inputs()
    paid = replace(given.announcement, template=given_round.TEMPLATE)
    with pytest.raises(EvaluationError, match="tournament 11 cannot score kind 1"):
        evaluate(replace(given, announcement=paid), read)


# ---------------------------------------------------------------------- checked by anyone


def test_recompute__signals__identical_bytes(result: Evaluation) -> None:
    files = all_files(result, signal_inputs())
    assert recompute(result.manifest, files.__getitem__).manifest == result.manifest
    assert derive(result.manifest, result.files.__getitem__).manifest == result.manifest


def _turned(of: SignalTarget, part: str, row: int, column: int) -> SignalTarget:
    """With one number a little different: by 10^-9, the least there is."""
    values = getattr(of, part).copy()
    values[(row, column) if part == "neutralizers" else row] += 1
    return replace(of, **{part: values})


@given(
    st.sampled_from(["target", "sample_weights", "neutralizers"]),
    st.integers(0, ROWS - 1),
    st.integers(0, 6),
)
def test_evaluate__least_change_of_any_weight__another_digest(
    part: str, row: int, column: int
) -> None:
    changed = _turned(weighted(), part, row, column)
    raw = signal_targets_bytes(NAMES["numerai_ticker"], changed)
    found = evaluate(signal_inputs(targets=raw), read)
    assert digest(found.commit, DOMAIN) != digest(partial.signals().commit, DOMAIN)


@given(st.data())
def test_recompute__byte_of_the_weights_flipped__caught_or_another_digest(
    data: st.DataObject,
) -> None:
    usual = partial.signals()
    files = all_files(usual, signal_inputs())
    raw = bytearray(files[TARGETS])
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    files[TARGETS] = bytes(raw)
    own = [f if f.path != TARGETS else listed(TARGETS, bytes(raw)) for f in usual.manifest.files]
    try:
        found = recompute(usual.manifest.model_copy(update={"files": own}), files.__getitem__)
    except ArtefactError:
        return
    assert found.manifest.digest() != usual.manifest.digest()


def test_recompute__other_weights_under_the_same_scores__first_wrong_file_named(
    result: Evaluation,
) -> None:
    others = _turned(weighted(), "sample_weights", 0, 0)
    others = replace(others, sample_weights=others.sample_weights * 2)
    raw = signal_targets_bytes(NAMES["numerai_ticker"], others)
    files = {**all_files(result, signal_inputs()), TARGETS: raw}
    own = [f if f.path != TARGETS else listed(TARGETS, raw) for f in result.manifest.files]
    with pytest.raises(RecomputedError, match=r"^outputs/batches\.json: line 1"):
        recompute(result.manifest.model_copy(update={"files": own}), files.__getitem__)


def test_derive__status_that_the_scores_contradict__named(result: Evaluation) -> None:
    raw = result.files[STATUSES].replace(b'"mpc":"ok"', b'"mpc":"no_stake"')
    files = {**result.files, STATUSES: raw}
    own = [f if f.path != STATUSES else listed(STATUSES, raw) for f in result.manifest.files]
    manifest = result.manifest.model_copy(update={"files": own})
    with pytest.raises(ArtefactError, match=f"^{STATUSES}: mpc is no_stake, and not 0"):
        derive(manifest, files.__getitem__)


def test_derive__statuses_of_another_tournament__named(result: Evaluation) -> None:
    raw = b'{"meta_model":"ok","tc":"ok"}'
    own = [f if f.path != STATUSES else listed(STATUSES, raw) for f in result.manifest.files]
    manifest = result.manifest.model_copy(update={"files": own})
    with pytest.raises(ArtefactError, match=f"^{STATUSES}: it must say meta_model, alpha, mpc"):
        derive(manifest, {**result.files, STATUSES: raw}.__getitem__)


def test_targets__target_alone__of_no_use_to_signals(result: Evaluation) -> None:
    raw = given_round.targets_bytes(partial.IDS, TARGET)
    with pytest.raises(ValueError, match="line 1: expected 'id,target,weight'"):
        evaluate(signal_inputs(targets=raw), read)

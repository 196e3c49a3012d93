"""A round in this process and over several: the same bytes, and each file is read once."""

import os
import subprocess
import sys
import textwrap
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import synthetic_round as given_round
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from synthetic_round import ENTRIES, entry, inputs, read

from oracle.evaluation.evaluate import Entry, Evaluation, EvaluationError, Scorer, evaluate
from oracle.scoring.errors import ScoringError
from oracle.settlement.specs import SPECS, Disclosure

PROCESSES = Scorer(workers=2, in_memory=0)


def _same(found: Evaluation, expected: Evaluation) -> bool:
    return (found.files, found.manifest, found.batches, found.commit) == (
        expected.files,
        expected.manifest,
        expected.batches,
        expected.commit,
    )


@pytest.fixture(scope="module")
def usual() -> Evaluation:
    return evaluate(inputs(), read)


# ---------------------------------------------------------------------- both ways


@pytest.mark.slow
def test_evaluate__over_processes__identical_bytes(usual: Evaluation, tmp_path: Path) -> None:
    found = evaluate(inputs(), read, scorer=replace(PROCESSES, folder=tmp_path))
    assert _same(found, usual)
    assert list(tmp_path.iterdir()) == []


@st.composite
def _rounds(draw: st.DrawFn) -> list[Entry]:
    """Any submissions of a few models: valid, invalid, late, of other owners and unregistered."""
    return draw(
        st.lists(
            st.builds(
                entry,
                st.integers(0, given_round.MODELS + 1),
                st.sampled_from([None, None, None, given_round.INVALID, b"", b"id,wrong\n"]),
                sequence=st.integers(0, 3),
                on_time=st.booleans(),
                version=st.integers(0, 2),
                by=st.sampled_from([None, None, None, given_round.account(1)]),
            ),
            max_size=12,
            unique_by=lambda e: (e.model, e.sequence, e.sha256),
        )
    )


@pytest.mark.slow
@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])
@given(_rounds())
def test_evaluate__any_round_over_processes__identical_bytes(entries: list[Entry]) -> None:
    given_inputs = inputs(entries=entries)
    expected = evaluate(given_inputs, read)
    assert _same(evaluate(given_inputs, read, scorer=PROCESSES), expected)


@pytest.mark.slow
def test_evaluate__reader_fails_over_processes__its_error_and_nothing_left(tmp_path: Path) -> None:
    def failing(sha256: bytes) -> bytes:
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        evaluate(inputs(), failing, scorer=replace(PROCESSES, folder=tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_evaluate__over_processes__files_of_predictions_only_for_this_user(tmp_path: Path) -> None:
    """While processes rank, ranks lie in the folder, from which predictions can be told."""
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        import synthetic_round as given_round
        from oracle.engine import engine
        from oracle.evaluation.evaluate import Scorer, evaluate

        made = engine.RankFile.create
        def create(self):
            made(self)
            print(oct(self.path.parent.stat().st_mode & 0o777))
        if __name__ == "__main__":
            engine.RankFile.create = create
            evaluate(given_round.inputs(), given_round.read, scorer=Scorer(1, 0, Path(sys.argv[1])))
        """
    )
    path = tmp_path / "script.py"
    path.write_text(script)
    (tmp_path / "work").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(Path(given_round.__file__).parent)}
    done = subprocess.run(
        [sys.executable, str(path), str(tmp_path / "work")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout == "0o700\n"
    assert list((tmp_path / "work").iterdir()) == []


# ---------------------------------------------------------------------- what is read


def test_evaluate__any_round__reads_each_file_it_needs_once() -> None:
    """Not those of models without registration, nor what a later one supersedes."""
    times: Counter[bytes] = Counter()

    def counting(sha256: bytes) -> bytes:
        times[sha256] += 1
        return read(sha256)

    evaluate(inputs(entries=[*ENTRIES, entry(given_round.MODELS)]), counting)
    needed = {
        e.sha256
        for e in ENTRIES
        if (e.model, e.sequence) not in {(given_round.SUPERSEDING, s) for s in (1, 2, 9)}
        and (e.model, e.sequence) != (given_round.MENDED, 0)
    }
    assert set(times) == needed
    # Two models sent the same invalid file, and it is read for each.
    assert times.total() == len(ENTRIES) - 3


@pytest.mark.parametrize("wrong", [b"", b"x"])
def test_evaluate__other_bytes_than_the_hash_says__refused(wrong: bytes) -> None:
    with pytest.raises(EvaluationError, match=f"model 0: .*{ENTRIES[0].sha256.hex()}"):
        evaluate(inputs(), lambda _: wrong)


def test_evaluate__other_size_than_listed__refused() -> None:
    entries = [replace(ENTRIES[0], size=5), *ENTRIES[1:]]
    with pytest.raises(EvaluationError, match="model 0: what was read is not 5 bytes"):
        evaluate(inputs(entries=entries), read)


# ---------------------------------------------------------------------- specifications


@pytest.mark.parametrize("name", SPECS)
def test_evaluate__known_specification__its_name_is_all_that_differs(
    usual: Evaluation, name: str
) -> None:
    announcement = replace(given_round.ANNOUNCEMENT, spec_hash=SPECS[name].hash)
    found = evaluate(inputs(announcement=announcement), read)
    assert found.manifest.spec == name
    assert found.batches == usual.batches
    different = {p for p in usual.files if found.files[p] != usual.files[p]}
    assert different == (set() if name == "assay/scoring/1" else {"inputs/announcement.json"})


def test_evaluate__unknown_specification__refused_by_name() -> None:
    announcement = replace(given_round.ANNOUNCEMENT, spec_hash=b"\x05" * 32)
    with pytest.raises(EvaluationError) as caught:
        evaluate(inputs(announcement=announcement), read)
    assert "round 7 was announced with specification 0x0505" in str(caught.value)
    assert all(name in str(caught.value) for name in SPECS)


def test_specs__every_disclosure__has_one() -> None:
    for version in {spec.version for spec in SPECS.values()}:
        found = [spec.disclosure for spec in SPECS.values() if spec.version == version]
        assert found == list(Disclosure)


def test_evaluate__too_few_rows__scoring_error_not_a_crash() -> None:
    ids = given_round.IDS[:2]
    few = inputs(
        universe=given_round.universe_bytes(ids),
        targets=given_round.targets_bytes(ids, given_round.TARGET[:2]),
        entries=[entry(0, given_round.csv([0, 10**9], ids))],
    )
    with pytest.raises(ScoringError, match="2 rows cannot be scored"):
        evaluate(few, read)

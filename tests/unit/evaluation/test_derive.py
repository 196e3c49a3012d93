"""What follows from published scores alone, for those who may not see the predictions."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import synthetic_round as given_round
from hypothesis import given
from hypothesis import strategies as st
from synthetic_round import all_files, inputs, read

from oracle.evaluation.evaluate import evaluate
from oracle.evaluation.recompute import RecomputedError, derive
from oracle.settlement.manifest import Manifest, canonical, hex32, is_private, listed
from oracle.settlement.reference import Stakes
from oracle.settlement.typed_data import Domain, digest
from oracle.store.artefacts import ArtefactError

RESULT = evaluate(inputs(), read)
SCORES, LISTING = "outputs/scores.csv", "inputs/submissions.json"
STATUSES, META = "outputs/statuses.json", "outputs/meta_model.csv"


def _derived(files: dict[str, bytes]) -> Any:
    """From public files that were changed, and a manifest whose hashes are right."""

    def public(path: str) -> bytes:
        assert not is_private(path), f"{path} was looked at"
        return files[path]

    kept = [file for file in RESULT.manifest.files if is_private(file.path)]
    entries = sorted(
        [*kept, *(listed(path, raw) for path, raw in files.items())], key=lambda file: file.path
    )
    return derive(RESULT.manifest.model_copy(update={"files": entries}), public)


def _with(path: str, raw: bytes) -> dict[str, bytes]:
    return {**RESULT.files, path: raw}


def _changed(path: str, change: Callable[[Any], Any]) -> dict[str, bytes]:
    value = json.loads(RESULT.files[path])
    change(value)
    return _with(path, canonical(value))


def _row(which: int, **changes: int) -> dict[str, bytes]:
    """One model's row of the scores changed."""
    header, *lines = RESULT.files[SCORES].decode().splitlines()
    names = header.split(",")
    rows = [dict(zip(names, line.split(","), strict=True)) for line in lines]
    for row in rows:
        if row["model"] == str(which):
            row.update({name: str(value) for name, value in changes.items()})
    text = "\n".join([header, *(",".join(row.values()) for row in rows)]) + "\n"
    return _with(SCORES, text.encode())


# ---------------------------------------------------------------------- the honest case


def test_derive__public_files__the_very_result_without_a_look_at_the_others() -> None:
    found = _derived(dict(RESULT.files))
    assert found.manifest == RESULT.manifest
    assert (found.batches, found.files) == (RESULT.batches, RESULT.files)
    domain = Domain(731371, given_round.ORACLE)
    assert digest(found.commit, domain) == digest(RESULT.commit, domain)


@pytest.mark.parametrize(
    "changes",
    [
        {"entries": []},
        {"entries": given_round.ENTRIES[:1]},
        {"entries": [given_round.entry(0, given_round.INVALID)]},
        {"entries": [given_round.entry(given_round.MODELS)]},
        {"entries": [given_round.entry(0, by=given_round.account(1)), given_round.entry(1)]},
        {"stakes": Stakes(given_round.MODELS, {}, frozenset())},
        {
            "announcement": given_round.replace(
                given_round.ANNOUNCEMENT,
                template=given_round.replace(given_round.TEMPLATE, kappa=500_000),
            )
        },
    ],
)
def test_derive__any_honest_round__the_very_result(changes: dict[str, Any]) -> None:
    result = evaluate(inputs(**changes), read)
    files = all_files(result, inputs(**changes))
    assert derive(result.manifest, files.__getitem__).manifest == result.manifest


# ---------------------------------------------------------------------- lies that show


@pytest.mark.parametrize(
    "files",
    [
        _row(0, corr=123_456_000),
        _row(0, mmc=1_000_000),
        _row(0, tc=9_000_000),
    ],
)
def test_derive__score_that_the_batches_do_not_follow_from__named(files: dict[str, bytes]) -> None:
    with pytest.raises(RecomputedError, match=r"^outputs/batches\.json: line 1") as caught:
        _derived(files)
    assert caught.value.path == "outputs/batches.json"
    assert caught.value.published == listed("", RESULT.files["outputs/batches.json"]).sha256
    assert caught.value.recomputed != caught.value.published


@pytest.mark.parametrize(
    ("files", "path"),
    [
        (_row(0, stake=5), SCORES),
        (_row(0, on_time=0), SCORES),
        (_row(0, level=3), SCORES),
        (_row(0, level=16), SCORES),
        (_row(0, corr=2**60), SCORES),
        (_row(0, model=13), SCORES),
        (_with(SCORES, RESULT.files[SCORES].replace(b"\n0,", b"\n00,", 1)), SCORES),
        (_with(SCORES, RESULT.files[SCORES].replace(b"\n0,", b"\nx,", 1)), SCORES),
        (_with(SCORES, RESULT.files[SCORES].replace(b"\n0,", b"\n0,0,", 1)), SCORES),
        (_with(SCORES, RESULT.files[SCORES].rstrip(b"\n")), SCORES),
        (_with(SCORES, b""), SCORES),
        (_with(SCORES, b"\xff"), SCORES),
        (_with(META, b"id,value\n"), STATUSES),
        (_with(META, RESULT.files[META].replace(b"n0", b"m0", 1)), META),
        (_with(META, b"".join(RESULT.files[META].splitlines(True)[:-1])), META),
        (_changed(STATUSES, lambda v: v.update(meta_model="no_stake")), STATUSES),
        (_changed(STATUSES, lambda v: v.update(meta_model="no_submission")), STATUSES),
        (_changed(STATUSES, lambda v: v.update(tc="kkt_residual")), STATUSES),
        (_changed(STATUSES, lambda v: v.update(more="ok")), STATUSES),
    ],
)
def test_derive__files_that_do_not_fit_each_other__named(
    files: dict[str, bytes], path: str
) -> None:
    with pytest.raises(ArtefactError, match=f"^{path}") as caught:
        _derived(files)
    assert caught.value.path == path


def _listing(value: dict[str, Any], model: int, sequence: int = 1) -> dict[str, Any]:
    everything = [*value["accepted"], *value["rejected"]]
    return next(i for i in everything if (i["model"], i["sequence"]) == (model, sequence))


def _swap(value: dict[str, Any]) -> None:
    """An older valid submission in the place of the one that counts."""
    counted, older = (
        _listing(value, given_round.SUPERSEDING, 3),
        _listing(value, given_round.SUPERSEDING, 2),
    )
    for item in (counted, older):
        (value["accepted"] if item in value["accepted"] else value["rejected"]).remove(item)
    reason = older.pop("reason")
    value["accepted"] = sorted([*value["accepted"], older], key=lambda item: item["model"])
    value["rejected"] = sorted(
        [*value["rejected"], {**counted, "reason": reason}],
        key=lambda item: (item["model"], item["sequence"]),
    )


@pytest.mark.parametrize(
    "change",
    [
        _swap,
        lambda v: _listing(v, given_round.SUPERSEDING, 1).update(reason="unregistered"),
        lambda v: _listing(v, given_round.SUPERSEDING, 1).update(
            reason="not signed by the owner at the close"
        ),
        lambda v: _listing(v, given_round.SUPERSEDING, 9).update(reason="invalid_submission_ids"),
        lambda v: _listing(v, given_round.ONLY_INVALID).update(reason="superseded"),
        lambda v: _listing(v, 0).update(signature="0x" + "11" * 65),
        lambda v: _listing(v, given_round.LATE).update(on_time=True),
        lambda v: _listing(v, 0).update(sequence=2),
        lambda v: v["accepted"].reverse(),
        lambda v: v["accepted"].pop(),
        lambda v: v["accepted"].append(v["accepted"][0]),
    ],
)
def test_derive__listing_against_the_rules__caught(change: Callable[[Any], None]) -> None:
    with pytest.raises(ArtefactError):
        _derived(_changed(LISTING, change))


def test_derive__invalid_called_valid_and_left_out_of_the_scores__caught() -> None:
    def accept(value: dict[str, Any]) -> None:
        item = _listing(value, given_round.ONLY_INVALID)
        value["rejected"].remove(item)
        del item["reason"]
        value["accepted"] = sorted([*value["accepted"], item], key=lambda one: one["model"])

    with pytest.raises(ArtefactError, match=f"^{SCORES}: the models are not those"):
        _derived(_changed(LISTING, accept))


@given(st.sampled_from(sorted(RESULT.files)), st.data())
def test_derive__any_byte_of_a_public_file__caught_or_another_digest(
    path: str, data: st.DataObject
) -> None:
    raw = bytearray(RESULT.files[path])
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = _derived(_with(path, bytes(raw)))
    except ArtefactError:
        return
    assert found.manifest.digest() != RESULT.manifest.digest()


def test_derive__submission_missing_from_the_manifest__named() -> None:
    path = next(f.path for f in RESULT.manifest.files if "/submissions/" in f.path)
    files = [file for file in RESULT.manifest.files if file.path != path]
    with pytest.raises(ArtefactError, match=f"^{path} is missing"):
        derive(_manifest(files), RESULT.files.__getitem__)


def test_derive__manifest_lists_other_bytes_for_a_hash__named() -> None:
    other = hex32(b"\x01" * 32)
    files = [
        file.model_copy(update={"sha256": other}) if "/submissions/" in file.path else file
        for file in RESULT.manifest.files
    ]
    with pytest.raises(ArtefactError, match="does not hold the bytes of that SHA-256"):
        derive(_manifest(files), RESULT.files.__getitem__)


def _manifest(files: list[Any]) -> Manifest:
    return RESULT.manifest.model_copy(update={"files": files})

"""From published files back to the result: identical bytes, or an error that names the file."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import synthetic_round as given_round
from hypothesis import given
from hypothesis import strategies as st
from synthetic_round import all_files, csv, inputs, predictions, read

from oracle.evaluation.evaluate import Evaluation, RoundInputs, evaluate
from oracle.evaluation.published import inputs_of, parse_batches, read_batches
from oracle.evaluation.recompute import derive, recompute
from oracle.settlement.manifest import TARGETS, Manifest, canonical, list_files
from oracle.settlement.typed_data import Domain, digest
from oracle.store.artefacts import ArtefactError, write_round
from oracle.store.sealing import Identity, seal

RESULT = evaluate(inputs(), read)
FILES = all_files(RESULT, inputs())
PATHS = sorted(FILES)
OUTPUTS = [path for path in PATHS if path.startswith("outputs/")]
JSON_INPUTS = [f"inputs/{name}.json" for name in ("announcement", "stakes", "submissions")]


def _rehashed(files: Mapping[str, bytes]) -> Manifest:
    """The manifest of someone who alters files and takes care that every hash is right."""
    return RESULT.manifest.model_copy(update={"files": list_files(files)})


def _recomputed(manifest: Manifest, files: Mapping[str, bytes]) -> Evaluation:
    return recompute(manifest, _reader(files))


def _inputs_of(files: Mapping[str, bytes]) -> RoundInputs:
    return inputs_of(_rehashed(files), _reader(files), files[TARGETS])


def _reader(files: Mapping[str, bytes]) -> Callable[[str], bytes]:
    """What a round's folder gives of files whose hashes are right."""

    def read_file(path: str) -> bytes:
        if path not in files:
            raise ArtefactError(f"{path} is missing from the manifest", path)
        return files[path]

    return read_file


def _altered(path: str, change: Callable[[Any], Any]) -> dict[str, bytes]:
    """The round's files with one JSON file changed, its spelling still canonical."""
    return {**FILES, path: canonical(change(json.loads(FILES[path])))}


# ---------------------------------------------------------------------- the honest case


def test_recompute__own_files__identical_bytes() -> None:
    again = _recomputed(RESULT.manifest, FILES)
    assert again.files == RESULT.files
    assert again.manifest.to_bytes() == RESULT.manifest.to_bytes()
    assert again.batches == RESULT.batches
    domain = Domain(731371, given_round.ORACLE)
    assert digest(again.commit, domain) == digest(RESULT.commit, domain)


@pytest.mark.parametrize("entries", [[], given_round.ENTRIES[:1], given_round.ENTRIES[-3:-1]])
def test_recompute__small_rounds__identical_bytes(entries: list[Any]) -> None:
    given_inputs = inputs(entries=entries)
    result = evaluate(given_inputs, read)
    files = all_files(result, given_inputs)
    assert _recomputed(result.manifest, files).manifest == result.manifest
    assert derive(result.manifest, _reader(result.files)).manifest == result.manifest


def test_inputs_of__own_files__the_same_inputs() -> None:
    found, usual = _inputs_of(FILES), inputs()
    assert found.stakes == usual.stakes
    assert found.owners == {e.model: given_round.owner(e.model) for e in usual.entries}
    assert found.close_block == usual.close_block
    assert found.announcement.hash() == usual.announcement.hash()
    assert sorted(found.entries, key=repr) == sorted(usual.entries, key=repr)


def test_read_batches__written_round__the_same_batches(tmp_path: Path) -> None:
    identity = Identity.new()
    sealed = [(p, seal(FILES[p], [identity.recipient])) for p in PATHS if p not in RESULT.files]
    write_round(tmp_path / "7", RESULT.manifest, RESULT.files, sealed)
    assert read_batches(tmp_path / "7") == list(RESULT.batches)


# ---------------------------------------------------------------------- one byte


def _flipped(path: str, data: st.DataObject) -> bytes:
    raw = bytearray(FILES[path])
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    return bytes(raw)


@given(st.sampled_from(OUTPUTS), st.data())
def test_recompute__output_flipped_and_rehashed__named(path: str, data: st.DataObject) -> None:
    files = {**FILES, path: _flipped(path, data)}
    with pytest.raises(ArtefactError, match=f"^{path}: line .* recomputed it is|number of lines"):
        _recomputed(_rehashed(files), files)


@given(st.sampled_from([path for path in PATHS if path not in OUTPUTS]), st.data())
def test_recompute__input_flipped_and_rehashed__another_manifest_or_refused(
    path: str, data: st.DataObject
) -> None:
    """Inputs are what everything else follows from: another input is another signed digest."""
    files = {**FILES, path: _flipped(path, data)}
    try:
        result = _recomputed(_rehashed(files), files)
    except ArtefactError:
        return
    assert result.manifest.digest() != RESULT.manifest.digest()


# ---------------------------------------------------------------------- careful liars


def test_recompute__other_bytes_under_a_signed_hash__refused() -> None:
    """The owner signed the hash. Whoever keeps its name must keep its bytes."""
    path = f"inputs/submissions/{given_round.ENTRIES[0].sha256.hex()}"
    files = {**FILES, path: csv(predictions(0, version=9))}
    with pytest.raises(ArtefactError, match=f"{path} .*SHA-256"):
        _inputs_of(files)
    # Nor does a manifest help that lists the hash beside other bytes.
    with pytest.raises(ArtefactError, match="model 0: what was read"):
        recompute(RESULT.manifest, _reader(files))


@pytest.mark.parametrize("path", [p for p in PATHS if "/submissions/" not in p])
def test_recompute__file_left_out__named(path: str) -> None:
    files = {p: raw for p, raw in FILES.items() if p != path}
    with pytest.raises(ArtefactError, match=f"{path}.* is missing"):
        _recomputed(_rehashed(files), files)


def test_recompute__submission_left_out__named() -> None:
    path = next(p for p in PATHS if "/submissions/" in p)
    files = {p: raw for p, raw in FILES.items() if p != path}
    with pytest.raises(ArtefactError, match=f"{path} is missing"):
        _recomputed(_rehashed(files), files)


@pytest.mark.parametrize("path", ["inputs/more.csv", "outputs/more.json"])
def test_recompute__extra_file__named(path: str) -> None:
    files = {**FILES, path: b"x"}
    with pytest.raises(ArtefactError, match=f"^{path}: does not belong to this round"):
        _recomputed(_rehashed(files), files)


def _accept_the_rejected(value: dict[str, Any]) -> dict[str, Any]:
    item = value["rejected"].pop()
    del item["reason"]
    return {**value, "accepted": [*value["accepted"], item]}


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("inputs/submissions.json", lambda v: {**v, "accepted": v["accepted"][::-1]}),
        ("inputs/submissions.json", _accept_the_rejected),
        ("inputs/stakes.json", lambda v: {**v, "stakes": {**v["stakes"], "0": "2000000000"}}),
        ("inputs/stakes.json", lambda v: {**v, "stakes": {**v["stakes"], "2": "0"}}),
        ("inputs/stakes.json", lambda v: {**v, "take_profit": v["take_profit"][::-1]}),
        ("inputs/stakes.json", lambda v: {**v, "owners": {**v["owners"], "13": v["owners"]["0"]}}),
        ("inputs/stakes.json", lambda v: {**v, "owners": {**v["owners"], "4": "0x" + "11" * 20}}),
        ("inputs/stakes.json", lambda v: {**v, "owners": {}}),
        ("outputs/batches.json", lambda v: [*v, {"start": 9, "words": []}]),
    ],
)
def test_recompute__content_changed_and_rehashed__caught(
    path: str, change: Callable[[Any], Any]
) -> None:
    files = _altered(path, change)
    with pytest.raises(ArtefactError):
        _recomputed(_rehashed(files), files)


# ---------------------------------------------------------------------- malformed inputs


def _set(name: str, value: Any) -> Callable[[Any], Any]:
    return lambda whole: {**whole, name: value}


def _first(where: str, name: str, value: Any) -> Callable[[Any], Any]:
    return lambda whole: {**whole, where: [{**whole[where][0], name: value}, *whole[where][1:]]}


def _template(name: str, value: Any) -> Callable[[Any], Any]:
    return lambda whole: {**whole, "template": {**whole["template"], name: value}}


ANNOUNCEMENT, STAKES, SUBMISSIONS = JSON_INPUTS
MALFORMED: list[tuple[str, Callable[[Any], Any]]] = [
    *(
        (path, lambda _, value=value: value)
        for path in JSON_INPUTS
        for value in (None, [], {}, 7, "text", True, [[]])
    ),
    *((ANNOUNCEMENT, _set("pool", v)) for v in (5, "0x11", "11" * 20, "0x" + "AA" * 20)),
    *((ANNOUNCEMENT, _set("round", v)) for v in (-1, 1.5, "7", None, True, [])),
    *((ANNOUNCEMENT, _set("series_hash", v)) for v in ("0x", "0x" + "11" * 33, "zz", 5, None)),
    (ANNOUNCEMENT, _set("more", 1)),
    (ANNOUNCEMENT, _set("template", [])),
    *(
        (ANNOUNCEMENT, _template("kinds", v))
        for v in ([1, 2], [1, 2, 3, 4], [1.5, 0, 0], 1, [-1] * 3)
    ),
    *((ANNOUNCEMENT, _template("clip_up", v)) for v in (5, "-1", "1.5", " 1", "1_0", "", "9" * 99)),
    *((ANNOUNCEMENT, _template("kappa", v)) for v in ("0", -1, 0.5, None)),
    (ANNOUNCEMENT, _template("more", 1)),
    *((STAKES, _set("models", v)) for v in (-1, 2.5, "14", None, True, 2**20 + 1, 2**53 - 1)),
    *((STAKES, _set("stakes", v)) for v in ([], {"0": 5}, {"0": "-5"}, {"x": "5"}, {"-1": "5"})),
    *((STAKES, _set("stakes", v)) for v in ({" 1": "5"}, {"1_0": "5"}, {"01": "5"}, {"0": "1e3"})),
    (STAKES, _set("stakes", {"0": str(2**56)})),
    *((STAKES, _set("owners", v)) for v in (None, [], {"0": None}, {"0": 5}, {"0": "0x11"})),
    *((STAKES, _set("owners", {k: "0x" + "11" * 20})) for k in ("", "-1", "01", "x", "0x1")),
    *((STAKES, _set("owners", {"0": v})) for v in ("11" * 20, "0x" + "AA" * 20, "0x" + "11" * 21)),
    *((STAKES, _set("take_profit", v)) for v in (None, [1.5], ["1"], [-1], {}, [True])),
    (STAKES, _set("more", 1)),
    *((SUBMISSIONS, _set(v, None)) for v in ("accepted", "rejected")),
    (SUBMISSIONS, _set("accepted", [5])),
    (SUBMISSIONS, _set("more", [])),
    *((SUBMISSIONS, _first("accepted", "model", v)) for v in (-1, 0.5, "0", None, True)),
    *((SUBMISSIONS, _first("accepted", "sha256", v)) for v in (5, None, "0x", "0x../../x", "zz")),
    *((SUBMISSIONS, _first("accepted", "sequence", v)) for v in (-1, 0.5, "1", None)),
    *((SUBMISSIONS, _first("accepted", "on_time", v)) for v in (1, "true", None, 0)),
    *((SUBMISSIONS, _first("accepted", "signature", v)) for v in (5, "0x", "0x" + "zz" * 65)),
    (SUBMISSIONS, _first("accepted", "reason", "superseded")),
    (SUBMISSIONS, _first("rejected", "reason", 5)),
    (SUBMISSIONS, _first("rejected", "model", "3")),
]


@pytest.mark.parametrize(("path", "change"), MALFORMED)
def test_inputs_of__malformed_json__artefact_error_naming_the_file(
    path: str, change: Callable[[Any], Any]
) -> None:
    files = _altered(path, change)
    with pytest.raises(ArtefactError, match=path):
        _inputs_of(files)


@pytest.mark.parametrize("path", JSON_INPUTS)
@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff", b"NaN", b"1e400", b" {}", b'{"a":1,"a":1}', b"9" * 5000]
)
def test_inputs_of__no_canonical_json__artefact_error(path: str, raw: bytes) -> None:
    files = {**FILES, path: raw}
    with pytest.raises(ArtefactError, match=path):
        _inputs_of(files)


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@given(st.sampled_from(JSON_INPUTS), _values, st.data())
def test_recompute__any_json_anywhere__artefact_error_or_another_digest(
    path: str, value: Any, data: st.DataObject
) -> None:
    """Whatever stands in one place of an input, nothing but ``ArtefactError`` comes out."""

    def put(node: Any) -> Any:
        if not isinstance(node, (dict, list)) or not node or data.draw(st.booleans()):
            return value
        copy = node.copy()
        key = data.draw(
            st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node)))
        )
        copy[key] = put(node[key])
        return copy

    files = _altered(path, put)
    try:
        result = _recomputed(_rehashed(files), files)
    except ArtefactError:
        return
    assert (result.manifest.digest() != RESULT.manifest.digest()) == (files != FILES)


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        ("inputs/universe.csv", b""),
        ("inputs/universe.csv", b"id\na\nb\n"),
        ("inputs/universe.csv", b"\xff\xff"),
        ("inputs/targets.csv", b"id,target\n"),
        ("inputs/targets.csv", FILES["inputs/targets.csv"].replace(b",0.", b",2.", 1)),
    ],
)
def test_recompute__universe_or_targets_malformed__artefact_error(path: str, raw: bytes) -> None:
    files = {**FILES, path: raw}
    with pytest.raises(ArtefactError, match="cannot be evaluated"):
        _recomputed(_rehashed(files), files)


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        [5],
        [{}],
        [{"start": 0}],
        [{"start": "0", "words": []}],
        [{"start": -1, "words": []}],
        [{"start": 0.5, "words": []}],
        [{"start": 0, "words": [5]}],
        [{"start": 0, "words": ["0x5"]}],
        [{"start": 0, "words": ["0x" + "f" * 65]}],
        [{"start": 0, "words": ["0x" + "F" * 64]}],
        [{"start": 0, "words": [], "more": 1}],
    ],
)
def test_parse_batches__malformed__artefact_error(value: Any) -> None:
    with pytest.raises(ArtefactError, match=r"outputs/batches\.json"):
        parse_batches(canonical(value))


@pytest.mark.parametrize("raw", [b"", b"[", b"\xff", b"[ ]"])
def test_parse_batches__no_canonical_json__artefact_error(raw: bytes) -> None:
    with pytest.raises(ArtefactError, match=r"outputs/batches\.json"):
        parse_batches(raw)


def test_recompute__result__is_an_evaluation() -> None:
    assert isinstance(_recomputed(RESULT.manifest, FILES), Evaluation)

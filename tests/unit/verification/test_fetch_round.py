"""Fetching a round from servers that are honest, broken or hostile; real HTTP on loopback."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from artefact_server import ArtefactServer, served

from oracle.errors import DifferenceError, InputError, RefusedError, UnreachableError
from oracle.settlement.evidence import LISTING_PATH
from oracle.settlement.manifest import (
    BatchChain,
    CloseBlock,
    Manifest,
    Totals,
    canonical,
    list_files,
)
from oracle.store.artefacts import RoundFolder
from oracle.store.sealed_index import INDEX, SealedIndex, parse_index
from oracle.verification.fetch import (
    FolderSource,
    MissingError,
    RoundKey,
    Wanted,
    bring,
    inside,
    open_source,
)
from oracle.verification.web import Web

POOL = "0x" + "ab" * 20
KEY = RoundKey(731371, POOL, 7)
PREDICTIONS = b"id,prediction\n" + b"a,0.5\n" * 40_000
NAME = hashlib.sha256(PREDICTIONS).hexdigest()
SUBMISSION = f"inputs/submissions/{NAME}"
FILES = {
    LISTING_PATH: canonical({"accepted": [], "rejected": []}),
    SUBMISSION: PREDICTIONS,
    "inputs/targets.csv": b"id,target\na,0.5\n",
    "inputs/universe.csv": b"",
    "outputs/scores.csv": b"model\n",
}
OPERATOR = "0x" + "12" * 20


def manifest_of(files: dict[str, bytes], **changes) -> Manifest:
    told = Manifest(
        spec="assay/scoring/1",
        chain_id=731371,
        pool=POOL,
        oracle="0x" + "cd" * 20,
        tournament=8,
        round=7,
        announce_hash="0x" + "11" * 32,
        close_block=CloseBlock(number=1, hash="0x" + "12" * 32, timestamp=5),
        files=list_files(files),
        batch_chain=BatchChain(head="0x" + "13" * 32, words=1, batches=1),
        meta_root="0x" + "14" * 32,
        at_risk="0",
        totals=Totals(accepted=0, on_time=0, rejected=0),
        saturated=[],
    )
    return told.model_copy(update=changes)


def write(folder: Path, manifest: Manifest, files: dict[str, bytes]) -> None:
    for path, raw in (files | {"manifest.json": manifest.to_bytes()}).items():
        full = folder / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(raw)


@pytest.fixture
def manifest() -> Manifest:
    return manifest_of(FILES)


@pytest.fixture
def server(tmp_path: Path, manifest: Manifest) -> Iterator[ArtefactServer]:
    folder = tmp_path / "served"
    extra = {f"attest/{OPERATOR}.json": b"{}", "receipts/receipts.json": b"[]"}
    write(folder, manifest, FILES | extra)
    with served(ArtefactServer(folder)) as running:
        yield running


@pytest.fixture
def wanted(tmp_path: Path, manifest: Manifest) -> Wanted:
    return Wanted(tmp_path / "cache", manifest.digest(), operators=[OPERATOR])


def test_bring__honest_operator__every_file_is_here_and_checked(server, wanted):
    folder = open_source(server.url).bring(KEY, wanted)
    RoundFolder(folder).check()
    assert folder.is_relative_to(wanted.cache)
    assert (folder / SUBMISSION).read_bytes() == PREDICTIONS
    assert (folder / "attest" / f"{OPERATOR}.json").read_bytes() == b"{}"
    assert (folder / "receipts" / "receipts.json").read_bytes() == b"[]"


def test_bring__again__asks_only_for_what_may_have_changed(server, wanted):
    source = open_source(server.url)
    source.bring(KEY, wanted)
    server.asked.clear()
    source.bring(KEY, wanted)
    assert set(server.asked) & set(FILES) == set()


def test_bring__store_layout__is_found_below_any_address(server, wanted, tmp_path, manifest):
    """An object store shows rounds/<chain id>/<pool>/<round>/ instead of an operator's address."""
    write(tmp_path / "served" / KEY.path(), manifest, FILES)
    source = open_source(f"{server.url}/rounds/7/artefacts")
    assert (source.bring(KEY, wanted) / SUBMISSION).read_bytes() == PREDICTIONS


def test_bring__connection_cut__goes_on_where_it_ended(server, wanted):
    source = open_source(server.url)
    server.faults[SUBMISSION] = "cut"
    with pytest.raises(UnreachableError, match="does not answer"):
        source.bring(KEY, wanted)
    server.faults.clear()
    folder = source.bring(KEY, wanted)
    RoundFolder(folder).check()
    assert len(server.ranges) == 1
    begin = int(server.ranges[0].split("=")[1].rstrip("-"))
    assert 0 < begin < len(PREDICTIONS)


def test_bring__rest_of_an_earlier_try_is_damaged__starts_that_file_anew(server, wanted, manifest):
    folder = wanted.cache / KEY.path() / manifest.digest().hex()[:16]
    part = folder / "inputs" / "submissions" / f".{NAME}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 100)
    assert open_source(server.url).bring(KEY, wanted) == folder
    RoundFolder(folder).check()


@pytest.mark.parametrize(
    ("fault", "kind", "text"),
    [
        ("flipped", DifferenceError, "differs from its SHA-256"),
        ("empty", DifferenceError, "differs from its SHA-256"),
        ("longer", UnreachableError, "is larger than"),
        ("missing", MissingError, "does not have"),
        ("500", UnreachableError, "status 500"),
        ("redirect", UnreachableError, "status 307"),
    ],
)
def test_bring__one_file_is_not_as_listed__is_named_and_nothing_counts(
    server, wanted, fault, kind, text
):
    server.faults["outputs/scores.csv"] = fault
    with pytest.raises(kind, match=text) as caught:
        open_source(server.url).bring(KEY, wanted)
    assert "outputs/scores.csv" in caught.value.message
    assert not list(wanted.cache.rglob("manifest.json"))
    assert not list(wanted.cache.rglob("scores.csv"))


def test_bring__another_result_than_committed__is_refused_unread(server, wanted):
    with pytest.raises(DifferenceError, match="another result than the committed one"):
        open_source(server.url).bring(KEY, replace(wanted, manifest=b"\x01" * 32))
    assert server.asked == ["manifest.json"]


def test_bring__another_round_under_its_number__is_refused(server, wanted):
    other = RoundKey(731371, "0x" + "ee" * 20, 7)
    with pytest.raises(DifferenceError, match="shows another round"):
        open_source(server.url).bring(other, wanted)


def test_bring__round_is_not_there__says_so(server, wanted):
    with pytest.raises(MissingError, match="does not have round 8"):
        open_source(server.url).bring(replace(KEY, number=8), wanted)


def test_bring__more_bytes_than_allowed__takes_none(server, wanted):
    with pytest.raises(RefusedError, match="at most 1,000 are taken"):
        open_source(server.url).bring(KEY, replace(wanted, most=1000))
    assert server.asked == ["manifest.json"]


def test_bring__only_one_file__fetches_no_other(server, wanted):
    folder = open_source(server.url).bring(KEY, replace(wanted, only=(LISTING_PATH,)))
    assert sorted(set(server.asked)) == [LISTING_PATH, "manifest.json"]
    assert (folder / LISTING_PATH).read_bytes() == FILES[LISTING_PATH]
    complete = open_source(server.url).bring(KEY, wanted)
    assert complete != folder


@pytest.mark.parametrize("link", ["inputs", "inputs/submissions", "outputs/scores.csv"])
def test_bring__a_link_in_the_cache__is_not_followed(server, wanted, tmp_path, manifest, link):
    folder, outside = wanted.cache / KEY.path() / manifest.digest().hex()[:16], tmp_path / "out"
    outside.mkdir()
    (folder / link).parent.mkdir(parents=True)
    (folder / link).symlink_to(outside)
    with pytest.raises(RefusedError, match="leads out of"):
        open_source(server.url).bring(KEY, wanted)
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/x"])
def test_inside__a_way_out__is_refused(tmp_path, path):
    with pytest.raises(RefusedError):
        inside(tmp_path / "folder", path)


# ---------------------------------------------------------------------- sealed rounds


def seal(server: ArtefactServer, to: str) -> None:
    """Puts noise in the place of what is private, as a stranger sees it."""
    noise = {path: os.urandom(500) for path in (SUBMISSION, "inputs/targets.csv")}
    index = SealedIndex(to=to, files=list_files(noise))
    for path, raw in noise.items():
        (server.folder / path).unlink()
        full = server.folder / "sealed" / f"{path}.age"
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(raw)
    (server.folder / INDEX).write_bytes(index.to_bytes())


def test_bring__sealed_to_verifiers__brings_the_sealed_files(server, wanted):
    seal(server, "verifiers")
    folder = RoundFolder(open_source(server.url).bring(KEY, wanted))
    folder.check()
    assert sorted(folder.unreadable) == [SUBMISSION, "inputs/targets.csv"]


def test_bring__sealed_file_damaged__is_named(server, wanted):
    seal(server, "owner")
    server.faults[f"sealed/{SUBMISSION}.age"] = "flipped"
    with pytest.raises(DifferenceError, match=r"sealed/inputs/submissions/.*differs"):
        open_source(server.url).bring(KEY, wanted)


def test_bring__not_disclosed_yet__is_missing_for_now(server, wanted):
    seal(server, "operators")
    with pytest.raises(MissingError, match="has not disclosed the round yet"):
        open_source(server.url).bring(KEY, wanted)


def test_bring__index_lists_a_huge_sealed_file__none_of_it_is_taken(server, wanted):
    seal(server, "verifiers")
    index = parse_index((server.folder / INDEX).read_bytes())
    huge = [file.model_copy(update={"size": 2**40}) for file in index.files]
    (server.folder / INDEX).write_bytes(index.model_copy(update={"files": huge}).to_bytes())
    with pytest.raises(DifferenceError, match="larger than"):
        open_source(server.url).bring(KEY, wanted)
    assert not [path for path in server.asked if path.endswith(".age")]


# ---------------------------------------------------------------------- folders, several sources


def test_folder_source__round_itself_or_root__is_used_in_place(tmp_path, manifest, wanted):
    write(tmp_path / "one", manifest, FILES)
    write(tmp_path / "root" / KEY.path(), manifest, FILES)
    assert open_source(str(tmp_path / "one")).bring(KEY, wanted) == tmp_path / "one"
    found = open_source(str(tmp_path / "root")).bring(KEY, wanted)
    assert found == tmp_path / "root" / KEY.path()
    assert not wanted.cache.exists()


def test_folder_source__other_round_or_other_result__is_not_taken(tmp_path, manifest, wanted):
    write(tmp_path / "one", manifest, FILES)
    source = FolderSource(tmp_path / "one")
    with pytest.raises(MissingError):
        source.bring(replace(KEY, number=8), wanted)
    with pytest.raises(DifferenceError, match="another result"):
        source.bring(KEY, replace(wanted, manifest=b"\x01" * 32))
    with pytest.raises(InputError, match="is not a folder"):
        FolderSource(tmp_path / "none").bring(KEY, wanted)


def test_bring__several_sources__takes_the_first_that_has_it(server, wanted, tmp_path):
    (tmp_path / "empty").mkdir()
    names = [str(tmp_path / "empty"), "http://127.0.0.1:9", server.url]
    folder = bring([open_source(name) for name in names], KEY, wanted)
    RoundFolder(folder).check()
    with pytest.raises(UnreachableError, match=r"does not hold round 7; .*does not answer"):
        bring([open_source(name) for name in names[:2]], KEY, wanted)


def test_web__address_with_a_secret__is_never_shown():
    web = Web("http://user:password@127.0.0.1:9/path-secret?key=query-secret")
    with pytest.raises(UnreachableError) as caught:
        web.small("x", 10)
    for secret in ("password", "path-secret", "query-secret"):
        assert secret not in caught.value.message + caught.value.fix + web.name

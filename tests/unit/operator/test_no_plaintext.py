"""No row of a submission or of targets lies open: not in the database's files, not in any answer.

The bytes themselves are searched, in every file that SQLite writes and in every HTTP answer.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from ingest_world import (
    CLOSES,
    DOMAIN,
    DUE,
    MODEL,
    OWNER,
    PEER,
    PROVIDER,
    RAW,
    ROUND,
    SELF,
    SIGNERS,
    TARGETS_RAW,
    TIMES,
    ChainStandIn,
    new_ingest,
    plain_files,
    served,
    signed_targets,
)
from synthetic_round import IDS

from oracle.chain.signing import LocalSigner
from oracle.operator.client import history, put_targets, submit
from oracle.operator.ingest import Ingest
from oracle.operator.peers import Peer
from oracle.settlement.wire import SubmissionMessage
from oracle.store.sealing import Identity

ROWS = [*RAW.splitlines()[1:], *TARGETS_RAW.splitlines()[1:]]
VALUES = [row.split(b",")[1] for row in RAW.splitlines()[1:]]
NEEDLES = [*ROWS, *(v for v in VALUES if len(v) > 8), *(name.encode() for name in IDS)]
HEADERS = [b"id,prediction", b"id,target"]


def found_in(content: bytes) -> list[bytes]:
    return [needle for needle in (*NEEDLES, *HEADERS) if needle in content]


@pytest.fixture
def chain() -> ChainStandIn:
    return ChainStandIn()


@pytest.fixture
def pair(tmp_path: Path, chain: ChainStandIn) -> Iterator[tuple[Ingest, str, Ingest, str]]:
    """Two operators on real servers."""
    mine = new_ingest(tmp_path / "mine", chain)
    theirs = new_ingest(tmp_path / "theirs", chain, PEER)
    with served(mine) as first, served(theirs) as second:
        yield mine, first, theirs, second


def play(chain: ChainStandIn, mine: Ingest, first: str, theirs: Ingest, second: str) -> None:
    """A file goes to one operator, targets to the other; each takes over what it lacks."""
    for one, url in ((mine, second), (theirs, first)):
        one.cards.refresh([Peer(url)], chain)
    recipient = Identity.new().recipient
    submit(RAW, ROUND, MODEL, LocalSigner(OWNER), DOMAIN, [first], 1, SIGNERS, TIMES, recipient)
    put_targets(TARGETS_RAW, ROUND, DUE, LocalSigner(PROVIDER), DOMAIN, [second], SIGNERS)
    chain.now = CLOSES
    mine.desk.fetch([Peer(second)], ROUND)
    listed = httpx.get(f"{first}/rounds/{ROUND}/submissions").json()
    item = SubmissionMessage.model_validate(listed[0])
    sealed = httpx.get(f"{first}/rounds/{ROUND}/submissions/{item.sha256[2:]}").content
    theirs.adopt(item, sealed, theirs.new_receipts(item, ()))


def test_database__after_a_round__no_row_of_a_file_in_any_of_its_files(tmp_path, chain, pair):
    play(chain, *pair)
    for one in (pair[0], pair[2]):
        assert list(plain_files(one).values()) == [RAW]
        assert one.desk.vault.open(ROUND) == TARGETS_RAW
    # As they lie on disk while the operators run, the write-ahead log among them.
    files = [path for path in tmp_path.rglob("*.sqlite*") if path.is_file()]
    assert any(path.name.endswith("-wal") and path.stat().st_size for path in files)
    for path in files:
        assert found_in(path.read_bytes()) == [], path


def test_search__the_same_bytes_in_a_plain_database__are_found():
    assert len(found_in(RAW + TARGETS_RAW)) == len({*NEEDLES, *HEADERS}) + len(NEEDLES) - len(
        set(NEEDLES)
    )


def test_answers__before_and_after_the_close__no_row_of_a_file(chain, pair):
    play(chain, *pair)
    mine, first, _, second = pair
    sha256 = next(iter(plain_files(mine))).sha256.hex()
    paths = [
        "/card",
        "/healthz",
        "/openapi.json",
        f"/rounds/{ROUND}/submissions",
        f"/rounds/{ROUND}/submissions/{sha256}",
        f"/rounds/{ROUND}/targets",
        f"/rounds/{ROUND}/targets/{signed_targets().sha256.hex()}",
        f"/rounds/{ROUND}/votes",
        f"/rounds/{ROUND}/attestation",
    ]
    for now in (CLOSES - 1, CLOSES, DUE):
        chain.now = now
        for url in (first, second):
            for path in paths:
                answer = httpx.get(url + path)
                assert found_in(answer.content) == [], path
                assert found_in(str(answer.headers).encode()) == [], path


def test_answers__before_the_close__nobody_learns_which_model_has_sent(chain, pair):
    mine, first, *_ = pair
    submit(RAW, ROUND, MODEL, LocalSigner(OWNER), DOMAIN, [first], 1, SIGNERS, TIMES)
    chain.now = CLOSES - 1
    sha256 = next(iter(plain_files(mine))).sha256.hex()
    secrets = [OWNER.address.lower().encode(), sha256.encode(), b'"model"']
    for path in ("/healthz", "/card", f"/rounds/{ROUND}/submissions"):
        answer = httpx.get(first + path)
        assert [s for s in secrets if s in answer.content.lower()] == [], path
    there, elsewhere = (
        httpx.get(f"{first}/rounds/{ROUND}/submissions/{name}") for name in (sha256, "00" * 32)
    )
    assert (there.status_code, there.content) == (elsewhere.status_code, elsewhere.content)


def test_adopt__over_http__the_other_operator_has_file_receipt_and_diagnostics(chain, pair):
    play(chain, *pair)
    mine, first, theirs, second = pair
    assert plain_files(theirs) == plain_files(mine)
    assert [r.operator for r in theirs.journal.receipts(ROUND)] == [SELF.address]
    told = [history(MODEL, LocalSigner(OWNER), DOMAIN, chain.now, url) for url in (first, second)]
    assert told[0] == told[1]
    assert told[0][0]["rows"] == len(IDS)

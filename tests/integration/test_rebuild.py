"""An operator loses its database: it comes back from artefacts and chain, and signs nothing twice.

The chain, the contracts, every signature and file are real; four rounds are set up as in
``drill_world``.
"""

import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from drill_world import DrillWorld, Operator
from eth_account import Account

from oracle.chain.signing import sign
from oracle.operator.attestations import Attestations
from oracle.operator.guard import Guard
from oracle.operator.rebuild import Rebuild, Rebuilt
from oracle.operator.restore import Restored, restore
from oracle.settlement.confirmation import confirm_of
from oracle.settlement.typed_data import Domain, digest
from oracle.store.backup import backup
from oracle.store.database import Database
from oracle.store.event_index import EventStore
from oracle.store.faults import StoreError
from oracle.store.journal import BLOCKED, COMMIT, Journal, JournalError
from oracle.store.objects import FolderObjects, ObjectStore

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("rebuild")]

OTHER = b"\xbb" * 32
ROUNDS = range(1, 5)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrillWorld]:
    made = DrillWorld(tmp_path_factory.mktemp("world"))
    yield made
    made.close()


@pytest.fixture
def operator(world: DrillWorld, tmp_path: Path) -> Operator:
    """Operator 0 with all that it had before the disaster."""
    return world.copy_home(tmp_path / "home")


@pytest.fixture
def open_journal() -> Iterator[Callable[[Path], Journal]]:
    opened = []

    def opener(path: Path) -> Journal:
        opened.append(Database.open(path))
        return Journal(opened[-1])

    yield opener
    for database in opened:
        database.close()


OpenJournal = Callable[[Path], Journal]


def _lose_database(operator: Operator) -> None:
    for path in operator.home.glob("journal.sqlite*"):
        path.unlink()


def _rebuilt(
    world: DrillWorld,
    operator: Operator,
    journal: Journal,
    sources: tuple[ObjectStore, ...] = (),
    sure: bool = False,
) -> Rebuilt:
    guard = world.guard(operator, journal)
    made = Rebuild(world.reader, journal, operator.artefacts, guard, operator.identity, sources)
    return made.run(sure=sure)


def _refuses(journal: Journal, number: int, digest: bytes = OTHER) -> bool:
    try:
        journal.reserve_digest(number, COMMIT, digest)
    except JournalError:
        return True
    return False


# ---------------------------------------------------------------------- the drill


def test_rebuild__database_lost__what_matters_is_there_again(
    world: DrillWorld, operator: Operator, open_journal: OpenJournal, tmp_path: Path
) -> None:
    shutil.copy(operator.database, tmp_path / "before.sqlite")
    before = open_journal(tmp_path / "before.sqlite")
    _lose_database(operator)
    after = open_journal(operator.database)
    rebuilt = _rebuilt(world, operator, after)
    assert rebuilt.problems == []
    assert rebuilt.rounds == [1, 2, 3]
    for number in (1, 2, 3):
        assert list(after.listed(number)) == list(before.listed(number))
        assert list(after.receipts(number)) == list(before.receipts(number))
        for item in before.listed(number):
            sealed = (journal.sealed(number, item.key.sha256) for journal in (before, after))
            one, other = map(operator.identity.open, sealed)
            assert one == other
            assert len(one) == item.size
    assert (rebuilt.submissions, rebuilt.receipts) == (6, 18)
    events = [list(EventStore(journal.database).everything()) for journal in (before, after)]
    assert events[0] == events[1]
    assert len(events[0]) == rebuilt.events > 10
    signed = {(number, COMMIT): world.signed[number] for number in (1, 2)}
    assert after.signed_rounds() == signed
    assert before.signed_rounds() == {**signed, (3, COMMIT): world.signed[3]}


def test_rebuild__database_lost__no_round_that_was_due_is_signed_anew(
    world: DrillWorld, operator: Operator, open_journal: OpenJournal
) -> None:
    """Round 3 was signed, and nobody can know it any more."""
    _lose_database(operator)
    journal = open_journal(operator.database)
    rebuilt = _rebuilt(world, operator, journal)
    assert rebuilt.guard.blocked_up_to == 3
    assert sorted({(s.round, s.where == "chain") for s in rebuilt.guard.learned}) == [
        (1, False),
        (2, False),
    ]
    for number in (1, 2, 3):
        assert _refuses(journal, number)
    assert _refuses(journal, 3, world.signed[3])
    for number in (1, 2):
        journal.reserve_digest(number, COMMIT, world.signed[number])
    journal.reserve_digest(4, COMMIT, OTHER)


def test_rebuild__artefacts_lost_too__fetched_from_another_operators(
    world: DrillWorld, operator: Operator, open_journal: OpenJournal
) -> None:
    """Only what is committed is taken from others. Of what this one signed, the chain tells."""
    _lose_database(operator)
    shutil.rmtree(operator.artefacts)
    journal = open_journal(operator.database)
    other = FolderObjects(world.operators[1].artefacts)
    rebuilt = _rebuilt(world, operator, journal, (FolderObjects(operator.home), other))
    assert rebuilt.fetched == rebuilt.rounds == [1, 2]
    assert rebuilt.submissions == 4
    assert [(s.round, s.digest, s.where) for s in rebuilt.guard.learned] == [
        (1, world.signed[1], "chain")
    ]
    assert rebuilt.guard.blocked_up_to == 3
    assert journal.signed_digest(2, COMMIT) == BLOCKED
    assert all(_refuses(journal, number) for number in (1, 2, 3))


def test_rebuild__others_folder_is_another_result__not_taken(
    world: DrillWorld, operator: Operator, open_journal: OpenJournal, tmp_path: Path
) -> None:
    _lose_database(operator)
    shutil.rmtree(operator.artefacts)
    liar = tmp_path / "liar"
    shutil.copytree(world.operators[1].artefacts, liar)
    [first] = liar.glob("rounds/*/*/1/manifest.json")
    [second] = liar.glob("rounds/*/*/2/manifest.json")
    shutil.copy(second, first)
    rebuilt = _rebuilt(world, operator, open_journal(operator.database), (FolderObjects(liar),))
    assert rebuilt.fetched == [2]


def test_rebuild__own_folder_altered__named_and_the_rest_goes_on(
    world: DrillWorld, operator: Operator, open_journal: OpenJournal
) -> None:
    _lose_database(operator)
    (world.folder(operator, 2) / "outputs" / "scores.csv").write_bytes(b"model\n")
    rebuilt = _rebuilt(world, operator, open_journal(operator.database))
    assert rebuilt.rounds == [1, 3]
    [problem] = rebuilt.problems
    assert problem.startswith("round 2: outputs/scores.csv differs")


def test_rebuild__receipts_that_nobody_signed__not_taken(
    world: DrillWorld, operator: Operator, open_journal: OpenJournal
) -> None:
    """No hash vouches for the receipts' file."""
    _lose_database(operator)
    path = world.folder(operator, 1) / "receipts" / "receipts.json"
    raw = path.read_text()
    giver = world.operators[1].account.address
    assert giver in raw
    path.write_text(raw.replace(giver, giver[:-4] + "0000"))
    journal = open_journal(operator.database)
    rebuilt = _rebuilt(world, operator, journal)
    givers = {receipt.operator for receipt in journal.receipts(1)}
    assert rebuilt.problems == []
    assert givers == {world.operators[n].account.address for n in (0, 2)}


def test_rebuild__interrupted_after_the_first_step__nothing_can_be_signed(
    world: DrillWorld,
    operator: Operator,
    open_journal: OpenJournal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _lose_database(operator)
    journal = open_journal(operator.database)

    def fail(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr("oracle.operator.rebuild.ChainIndex.update", fail)
    with pytest.raises(StoreError):
        _rebuilt(world, operator, journal)
    assert all(_refuses(journal, number) for number in (1, 2, 3))


def test_rebuild__the_operator_is_sure__blocks_nothing_but_keeps_what_is_seen(
    world: DrillWorld, operator: Operator, open_journal: OpenJournal
) -> None:
    _lose_database(operator)
    journal = open_journal(operator.database)
    rebuilt = _rebuilt(world, operator, journal, sure=True)
    assert rebuilt.guard.blocked_up_to == 0
    assert _refuses(journal, 2)
    assert not _refuses(journal, 3)


# ---------------------------------------------------------------------- at every start


def test_settle__database_as_it_was__blocks_nothing(
    world: DrillWorld, operator: Operator, open_journal: OpenJournal
) -> None:
    journal = open_journal(operator.database)
    settled = world.guard(operator, journal).settle()
    assert (settled.learned, settled.conflicts, settled.blocked_up_to) == ([], [], 0)
    journal.reserve_digest(3, COMMIT, world.signed[3])


def test_settle__new_database_without_rebuild__blocks_what_is_due(
    world: DrillWorld, operator: Operator, open_journal: OpenJournal
) -> None:
    _lose_database(operator)
    journal = open_journal(operator.database)
    settled = world.guard(operator, journal).settle()
    assert settled.blocked_up_to == 3
    assert all(_refuses(journal, number) for number in (1, 2, 3))
    assert not _refuses(journal, 4)


@pytest.mark.parametrize("seen", ["artefacts", "chain"])
def test_settle__old_copy_put_back_by_hand__noticed_and_due_rounds_blocked(
    world: DrillWorld, operator: Operator, open_journal: OpenJournal, seen: str
) -> None:
    """The copy is from before round 1 was signed. What shows it is a signature that it lacks."""
    journal = open_journal(operator.database)
    with journal.database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM signed WHERE phase = 'commit'")
    if seen == "chain":
        shutil.rmtree(operator.artefacts)
    settled = world.guard(operator, journal).settle(ROUNDS)
    assert {item.round for item in settled.learned} == ({1, 2} if seen == "artefacts" else {1})
    assert settled.blocked_up_to == 3
    assert all(_refuses(journal, number) for number in (1, 2, 3))


def test_settle__others_signatures_under_this_ones_name__not_believed(
    world: DrillWorld, operator: Operator, open_journal: OpenJournal
) -> None:
    """Else anyone who writes into the artefacts could keep this operator from signing."""
    journal = open_journal(operator.database)
    domain = Domain(world.where.chain_id, world.where.oracle)
    of_other = Attestations(world.folder(world.operators[1], 2), domain)
    message = of_other.of(world.operators[1].account.address)
    assert message is not None
    shown = Attestations(world.folder(operator, 3), domain)
    shown.show(operator.account.address, message)
    attest = world.folder(operator, 3) / "attest"
    (attest / f"{operator.account.address.lower()}-second.json").write_text("no JSON")
    settled = world.guard(operator, journal).settle(ROUNDS)
    assert (settled.learned, settled.blocked_up_to) == ([], 0)


def test_settle__database_knows_another_digest__said_and_blocked(
    world: DrillWorld, operator: Operator, open_journal: OpenJournal
) -> None:
    journal = open_journal(operator.database)
    with journal.database.begin() as connection:
        connection.exec_driver_sql("UPDATE signed SET digest = x'bb' WHERE round = 1")
    settled = world.guard(operator, journal).settle(ROUNDS)
    assert {item.round for item in settled.conflicts} == {1}
    assert settled.blocked_up_to == 3


def test_settle__dry_run__writes_nothing(
    world: DrillWorld, operator: Operator, open_journal: OpenJournal
) -> None:
    _lose_database(operator)
    journal = open_journal(operator.database)
    Guard(world.reader, journal, operator.artefacts, "").settle()
    assert journal.blocked_up_to() == -1


def test_settle__answer_to_a_challenge_on_the_chain__is_known_again(tmp_path: Path) -> None:
    world = DrillWorld(tmp_path)
    try:
        commit = world.reader.committed(2)
        assert commit is not None
        challenger = world.writer(world.staker)
        challenger.challenge(2, b"\x07" * 32)
        challenge = world.reader.challenge_of(2)
        assert challenge is not None
        answer = confirm_of(commit, challenge.challenge_id)
        domain = Domain(world.where.chain_id, world.where.oracle)
        by = sorted(world.operators, key=lambda o: int(o.account.address, 16))
        challenger.confirm(commit, answer, [sign(o.signer, answer, domain) for o in by])
        database = Database.open(world.own.database)
        journal = Journal(database)
        settled = world.guard(world.own, journal).settle()
        phase = f"confirm:0x{challenge.challenge_id.hex()}"
        [learned] = settled.learned
        assert (learned.round, learned.phase, learned.where) == (2, phase, "chain")
        assert journal.signed_digest(2, phase) == digest(answer, domain)
        assert settled.blocked_up_to == 3
        database.close()
    finally:
        world.close()


# ---------------------------------------------------------------------- backups


def _restored(world: DrillWorld, operator: Operator, source: Path) -> Restored:
    return restore(
        source,
        operator.database,
        (world.where.chain_id, world.where.pool),
        lambda journal: world.guard(operator, journal),
        ROUNDS,
    )


@pytest.fixture
def old(operator: Operator, open_journal: OpenJournal, tmp_path: Path) -> Path:
    """A backup of operator 0 from before it signed rounds 2 and 3."""
    path = tmp_path / "old.sqlite"
    backup(operator.database, path)
    database = Database.open(path)
    with database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM signed WHERE phase = 'commit' AND round > 1")
    database.close()
    return path


def test_restore__old_backup__knows_what_the_present_database_knows(
    world: DrillWorld, operator: Operator, open_journal: OpenJournal, old: Path
) -> None:
    restored = _restored(world, operator, old)
    assert restored.kept is not None
    assert restored.kept.exists()
    journal = open_journal(operator.database)
    assert journal.signed_rounds() == {(n, COMMIT): world.signed[n] for n in (1, 2, 3)}
    assert [len(list(journal.listed(number))) for number in ROUNDS] == [2, 2, 2, 2]
    assert all(_refuses(journal, number) for number in (1, 2, 3))


def test_restore__present_database_is_lost__due_rounds_are_blocked(
    world: DrillWorld, operator: Operator, open_journal: OpenJournal, old: Path
) -> None:
    _lose_database(operator)
    operator.database.write_bytes(b"what a bad disk has left" * 1000)
    restored = _restored(world, operator, old)
    assert restored.guard.blocked_up_to == 3
    journal = open_journal(operator.database)
    assert journal.signed_rounds() == {(n, COMMIT): world.signed[n] for n in (1, 2)}
    assert all(_refuses(journal, number) for number in (1, 2, 3))
    assert restored.kept is not None
    assert restored.kept.read_bytes().startswith(b"what a bad disk")


def test_restore__backup_of_a_backup_with_blocked_rounds__stays_blocked(
    world: DrillWorld, operator: Operator, open_journal: OpenJournal, old: Path
) -> None:
    """What the present database must not sign, the restored one must not sign either."""
    present = Database.open(operator.database)
    Journal(present).block(4)
    present.close()
    _restored(world, operator, old)
    assert _refuses(open_journal(operator.database), 4)


def test_restore__guard_cannot_be_settled__present_database_stays(
    world: DrillWorld, operator: Operator, open_journal: OpenJournal, old: Path
) -> None:
    def unreachable(_: Journal) -> Guard:
        raise StoreError("no endpoint answers")

    with pytest.raises(StoreError):
        restore(
            old,
            operator.database,
            (world.where.chain_id, world.where.pool),
            unreachable,
            ROUNDS,
        )
    assert len(open_journal(operator.database).signed_rounds()) == 3
    left = {path.name for path in operator.home.iterdir()}
    assert left <= {"artefacts", "journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"}


# ---------------------------------------------------------------------- the commands


@contextmanager
def _served(world: DrillWorld) -> Iterator[str]:
    """Address of an HTTP endpoint of the world's chain."""
    one_at_a_time = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with one_at_a_time:
                answer = world.web3.provider.make_request(asked["method"], asked["params"])
            raw = json.dumps({**answer, "id": asked["id"]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def config(world: DrillWorld, operator: Operator) -> Iterator[Path]:
    """The operator's configuration, its key and identity in their files."""
    home = operator.home
    key = home / "key.json"
    key.write_text(json.dumps(Account.encrypt(operator.account.key, "word", iterations=2)))
    (home / "password").write_text("word\n")
    operator.identity.save(home / "identity.age")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with _served(world) as url:
        path = home / "operator.toml"
        path.write_text(
            f"""name = "operator-1"
            chain_id = {world.where.chain_id}
            pool = "{world.where.pool}"
            data = "."
            port = {port}
            [chain]
            urls = ["{url}"]
            [signer]
            kind = "keystore"
            keystore = "key.json"
            password_file = "password"
            """
        )
        yield path


def _assay(command: str, config: Path, *options: object) -> tuple[int, dict[str, object]]:
    """Exit code and envelope of a command of its own process."""
    line = [sys.executable, "-m", "oracle", "operator", command, "--config", str(config), "--json"]
    done = subprocess.run([*line, *map(str, options)], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def test_rebuild_command__database_lost__as_the_drill(
    world: DrillWorld, operator: Operator, open_journal: OpenJournal, config: Path
) -> None:
    _lose_database(operator)
    code, envelope = _assay("rebuild", config)
    assert code == 0, envelope
    result = envelope["result"]
    assert result["rounds"] == [1, 2, 3]
    assert result["learned"] == [1, 2]
    assert result["blocked_up_to"] == 3
    journal = open_journal(operator.database)
    assert [len(list(journal.listed(number))) for number in ROUNDS] == [2, 2, 2, 0]
    assert all(_refuses(journal, number) for number in (1, 2, 3))


def test_backup_and_restore_commands__round_trip__and_refused_while_it_runs(
    world: DrillWorld, operator: Operator, config: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copies" / "one.sqlite"
    assert _assay("backup", config, "--to", copy)[0] == 0
    port = int(config.read_text().split("port = ")[1].split()[0])
    with socket.create_server(("127.0.0.1", port)):
        for command, *options in (("restore", "--from", copy), ("rebuild",)):
            code, envelope = _assay(command, config, *options)
            assert code == 7
            assert envelope["error"]["fix"].startswith("stop this operator first")
    code, envelope = _assay("restore", config, "--from", copy)
    assert code == 0, envelope
    assert envelope["result"]["signed"] == 3
    assert envelope["result"]["blocked_up_to"] == 3
    assert Path(envelope["result"]["kept"]).exists()


@pytest.mark.parametrize("content", [b"", b"no database" * 1000], ids=["empty", "text"])
def test_restore_command__no_backup_in_the_file__refused_and_nothing_changed(
    operator: Operator, config: Path, tmp_path: Path, open_journal: OpenJournal, content: bytes
) -> None:
    bad = tmp_path / "bad"
    bad.write_bytes(content)
    code, envelope = _assay("restore", config, "--from", bad)
    assert code == 3, envelope
    assert envelope["error"]["message"] == f"{bad} is no operator's database"
    assert len(open_journal(operator.database).signed_rounds()) == 3


def test_restore_command__another_tournaments_backup__refused(
    operator: Operator, config: Path, tmp_path: Path
) -> None:
    other = Database.open(tmp_path / "other")
    other.claim(1, "0x" + "11" * 20)
    other.close()
    code, envelope = _assay("restore", config, "--from", tmp_path / "other")
    assert code == 7
    assert "belongs to the tournament 0x1111" in envelope["error"]["message"]

"""Watching, disputing and simulating against a real chain on which operators lied."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from artefact_server import ArtefactServer, served
from click.testing import CliRunner
from disputed_rounds import FALSE, WRONGED, Disputed, Lie, disputed_rounds
from faulty_rpc import FaultyRpc
from local_anvil import CHAIN_ID

from oracle.chain.facts import chain_facts
from oracle.chain.pool import PoolWriter
from oracle.cli import cli
from oracle.errors import AssayError, DifferenceError, RefusedError
from oracle.settlement.evidence import Late, Omitted, Published, Wrong, check, parse
from oracle.settlement.units import UNITS_PER_NMR
from oracle.store.artefacts import read_file, read_manifest
from oracle.verification.dispute import examine, terms
from oracle.verification.fault import fault
from oracle.verification.fetch import open_source
from oracle.verification.verify import Verification
from oracle.verification.watch import Challenger, Finding, Line, Watcher
from oracle.verification.watch_state import StateFile

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("disputed")]


@pytest.fixture(scope="module")
def disputed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disputed]:
    with disputed_rounds(tmp_path_factory.mktemp("disputed")) as made:
        yield made


@pytest.fixture
def world(disputed: Disputed) -> Iterator[Disputed]:
    """The same for every test, whatever it sends."""
    with disputed.undone():
        yield disputed


def writer(world: Disputed) -> PoolWriter:
    return world.rounds.writer(world.rounds.stakers[0])


def watcher(world: Disputed, tmp_path: Path, *sources: str, **changes) -> Watcher:
    reader = world.rounds.reader
    pool = reader.addresses.pool

    def verify(folder: Path) -> str:
        return list(Verification(folder, world.rounds.url, pool).steps())[-1].shown

    return Watcher(
        reader=reader,
        sources=[open_source(name) for name in sources or (str(world.artefacts),)],
        cache=tmp_path / "cache",
        state=StateFile(tmp_path / "watch.json", CHAIN_ID, pool),
        verify=verify,
        **({"first": 1} | changes),
    )


def challenger(world: Disputed, tmp_path: Path, most: int = 200, *operators: str) -> Challenger:
    return Challenger(writer(world), most * UNITS_PER_NMR, operators, tmp_path / "evidence")


def findings(lines: list[Line]) -> dict[int | None, list[str]]:
    found: dict[int | None, list[str]] = {}
    for line in lines:
        found.setdefault(line.round, []).append(line.finding.value)
    return found


# ---------------------------------------------------------------------- faults


def test_fault__false_score__is_named_with_both_hashes(world):
    folder, reader = world.folder(Lie.WRONG), world.rounds.reader
    wrong = fault(folder, reader, Lie.WRONG)
    manifest, raw = read_manifest(folder), read_file(folder, "inputs/submissions.json")
    assert (wrong.path, wrong.round) == (FALSE, Lie.WRONG)
    assert "line 2" in wrong.difference
    assert check(wrong, chain_facts(reader, Lie.WRONG), Published.of(manifest, raw))


def test_fault__round_that_follows_from_its_inputs__is_refused(world):
    with pytest.raises(RefusedError, match="follows from its inputs"):
        fault(world.folder(Lie.NONE), world.rounds.reader, Lie.NONE)


@pytest.mark.parametrize(
    "path", ["manifest.json", FALSE, "inputs/targets.csv", "inputs/stakes.json"]
)
def test_fault__damaged_copy__never_speaks_against_a_round(world, tmp_path, path):
    copy = shutil.copytree(world.folder(Lie.WRONG), tmp_path / "copy")
    raw = bytearray((copy / path).read_bytes())
    raw[-3] ^= 1
    (copy / path).write_bytes(raw)
    with pytest.raises(RefusedError, match=r"damaged|not the committed"):
        fault(copy, world.rounds.reader, Lie.WRONG)


# ---------------------------------------------------------------------- watch


def test_watch__all_rounds__tells_the_false_one_and_remembers(world, tmp_path):
    first = watcher(world, tmp_path)
    lines = list(first.look())
    assert findings(lines) == {
        Lie.NONE: ["verified"],
        Lie.OMITTED: ["verified"],
        Lie.LATE: ["different"],
        Lie.WRONG: ["different"],
    }
    assert any(FALSE in line.text for line in lines)
    assert all(line.final_at is not None for line in lines)
    again = watcher(world, tmp_path, "/nowhere-but-not-needed")
    assert list(again.look()) == []


def test_watch__operator_cut_off_and_another_there__verifies_from_the_other(world, tmp_path):
    with served(ArtefactServer(world.folder(Lie.NONE), Lie.NONE)) as server:
        server.faults["inputs/targets.csv"] = "cut"
        silent = watcher(world, tmp_path, server.url)
        assert findings(list(silent.look()))[1] == ["missing"]
        both = watcher(world, tmp_path, server.url, str(world.artefacts))
        assert findings(list(both.look()))[1] == ["verified"]


def test_watch__copy_here_is_damaged__is_missing_and_not_different(world, tmp_path):
    root = shutil.copytree(world.artefacts, tmp_path / "copy")
    target = next(root.rglob(f"{Lie.NONE.value}/{FALSE}"))
    target.write_bytes(target.read_bytes()[:-3] + b"1\n")
    one = watcher(world, tmp_path, str(root), challenger=challenger(world, tmp_path))
    lines = [line for line in one.look() if line.round == Lie.NONE]
    assert [line.finding for line in lines] == [Finding.MISSING]
    assert world.rounds.reader.challenge_of(Lie.NONE) is None


def test_watch__false_score_and_a_key__raises_one_challenge_with_its_evidence(world, tmp_path):
    reader, url = world.rounds.reader, ""
    with served(ArtefactServer(world.folder(Lie.WRONG), Lie.WRONG)) as server:
        url = server.url
        by = challenger(world, tmp_path, 200, url)
        one = watcher(world, tmp_path, challenger=by, first=Lie.WRONG)
        lines = list(one.look())
        assert findings(lines) == {Lie.WRONG: ["different", "challenged"]}
    [taken] = server.taken
    raised = reader.challenge_of(Lie.WRONG)
    assert isinstance(parse(taken), Wrong)
    assert raised.evidence == parse(taken).digest()
    assert raised.bond == 100 * UNITS_PER_NMR
    [kept] = (tmp_path / "evidence").iterdir()
    assert kept.read_bytes() == taken
    again = watcher(world, tmp_path, challenger=by, first=Lie.WRONG)
    world.rounds.anvil.mine(3)
    assert list(again.look()) == []


def test_watch__killed_before_its_challenge_was_sent__sends_it_after_a_restart(
    world, tmp_path, monkeypatch
):
    by = challenger(world, tmp_path)
    one = watcher(world, tmp_path, challenger=by, first=Lie.WRONG)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("oracle.verification.watch.challenge", die)
        with pytest.raises(KeyboardInterrupt):
            list(one.look())
    assert world.rounds.reader.challenge_of(Lie.WRONG) is None
    again = watcher(world, tmp_path, challenger=by, first=Lie.WRONG)
    assert findings(list(again.look())) == {Lie.WRONG: ["challenged"]}
    assert world.rounds.reader.challenge_of(Lie.WRONG) is not None


def test_watch__bond_above_the_limit__is_told_once_and_not_paid(world, tmp_path):
    by = challenger(world, tmp_path, 99)
    one = watcher(world, tmp_path, challenger=by, first=Lie.WRONG)
    lines = list(one.look())
    assert findings(lines) == {Lie.WRONG: ["different", "not challenged"]}
    assert "more than --max-bond 99" in lines[-1].text
    assert list(one.look()) == []
    assert world.rounds.reader.challenge_of(Lie.WRONG) is None


def test_watch__result_late_but_recomputable__is_not_challenged_as_wrong(world, tmp_path):
    """What is on time rests on receipts, which no manifest lists."""
    by = challenger(world, tmp_path)
    one = watcher(world, tmp_path, challenger=by, first=Lie.LATE)
    found = findings([line for line in one.look() if line.round == Lie.LATE])
    assert found == {Lie.LATE: ["different", "not challenged"]}
    assert world.rounds.reader.challenge_of(Lie.LATE) is None


def test_state_file__two_watchers_or_another_pool__are_refused(world, tmp_path):
    one, two = (StateFile(tmp_path / "state.json", CHAIN_ID, "0x" + "ab" * 20) for _ in range(2))
    with one.locked(), pytest.raises(RefusedError, match="another watcher"), two.locked():
        pass
    one.save()
    with pytest.raises(AssayError, match="belongs to pool"):
        StateFile(tmp_path / "state.json", CHAIN_ID, "0x" + "cd" * 20)


# ---------------------------------------------------------------------- dispute


@pytest.mark.parametrize(("lie", "kind"), [(Lie.OMITTED, Omitted), (Lie.LATE, Late)])
def test_examine__wronged_submission__makes_a_case(world, tmp_path, lie, kind):
    sources = [open_source(str(world.artefacts))]
    case = examine(world.receipts[lie], world.rounds.reader, sources, tmp_path)
    assert isinstance(case.evidence, kind)
    assert case.evidence.key() == world.keys[lie]
    assert f"model {WRONGED}: 3 operators signed receipts" in case.shown


def test_examine__submission_that_is_listed__makes_none(world, tmp_path):
    sources = [open_source(str(world.artefacts))]
    with pytest.raises(RefusedError, match="nothing to dispute"):
        examine(world.receipts[Lie.NONE], world.rounds.reader, sources, tmp_path)


def test_examine__receipts_of_one_operator_only__make_none(world, tmp_path):
    kept = world.receipts[Lie.OMITTED]
    fewer = kept.submission.model_copy(update={"receipts": kept.submission.receipts[:1]})
    with pytest.raises(RefusedError, match="1 operators signed a receipt for it, 2 make it count"):
        examine(
            kept.model_copy(update={"submission": fewer}),
            world.rounds.reader,
            [open_source(str(world.artefacts))],
            tmp_path,
        )


def test_examine__list_from_elsewhere_than_the_commit__proves_nothing(world, tmp_path):
    """A folder whose list was changed afterwards is not what was committed."""
    copy = shutil.copytree(world.folder(Lie.NONE), tmp_path / "copy")
    listing = copy / "inputs" / "submissions.json"
    listing.write_bytes(b'{"accepted":[],"rejected":[]}')
    with pytest.raises(DifferenceError, match="differs from its SHA-256"):
        examine(world.receipts[Lie.NONE], world.rounds.reader, [open_source(str(copy))], tmp_path)


def test_dispute__challenged_or_final_round__is_refused(world):
    reader = world.rounds.reader
    assert terms(reader, Lie.LATE).refused == ""
    writer(world).challenge(Lie.LATE, b"\x01" * 32)
    assert "challenged already" in terms(reader, Lie.LATE).refused
    final = terms(reader, Lie.OMITTED).deadline
    world.rounds.clock.advance_to(final + 1)
    assert "cannot be challenged any more" in terms(reader, Lie.OMITTED).refused


def run(*arguments: str) -> tuple[int, dict]:
    """The command's exit code and JSON."""
    done = CliRunner().invoke(cli, [*arguments, "--json"], catch_exceptions=True)
    if isinstance(done.exception, AssayError):
        return int(done.exception.exit_code), {"error": done.exception.message}
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, json.loads(done.stdout)["result"]


def on(world: Disputed) -> list[str]:
    return ["--rpc", world.rounds.url, "--pool", world.rounds.reader.addresses.pool]


def test_dispute__command_dry_and_for_real__shows_then_challenges(world, tmp_path):
    kept = tmp_path / "preds.csv.receipts.json"
    kept.write_bytes(world.receipts[Lie.OMITTED].to_bytes())
    base = ["dispute", str(kept), *on(world), "--artefacts", str(world.artefacts)]
    code, shown = run(*base, "--dry-run")
    assert (code, shown["kind"], shown["bond"], shown["refused"]) == (0, "omitted", "100", "")
    assert not (tmp_path / "preds.csv.evidence.json").exists()
    assert world.rounds.reader.challenge_of(Lie.OMITTED) is None
    with served(ArtefactServer(world.folder(Lie.OMITTED), Lie.OMITTED)) as server:
        real = [*base, "--operator", server.url, "--dev-account", "12"]
        server.refuses = True
        code, said = run(*real)
        assert code == 7
        assert "no operator took the evidence" in said["error"]
        server.refuses = False
        code, said = run(*real)
    assert code == 0
    raised = world.rounds.reader.challenge_of(Lie.OMITTED)
    evidence = parse((tmp_path / "preds.csv.evidence.json").read_bytes())
    assert raised.evidence == evidence.digest() == bytes.fromhex(said["evidence"][2:])
    assert parse(server.taken[-1]) == evidence


def test_watch__command_once__ends_with_what_it_found(world, tmp_path):
    base = ["watch", *on(world), "--artefacts", str(world.artefacts), "--once"]
    base += ["--state", str(tmp_path / "state.json")]
    code, said = run(*base)
    assert (code, said["different"]) == (5, [Lie.LATE, Lie.WRONG])
    code, said = run(*base)
    assert (code, said["lines"]) == (5, [])
    empty = tmp_path / "empty"
    empty.mkdir()
    code, said = (
        run(*on(world), "x")
        if False
        else run(
            "watch", *on(world), "--artefacts", str(empty), "--once", "--state", str(tmp_path / "2")
        )
    )
    assert code == 4
    assert {line["finding"] for line in said["lines"]} == {"missing"}


def test_watch__process_over_a_failing_endpoint__goes_on_and_restarts_without_repeating(
    world, tmp_path
):
    with FaultyRpc(world.rounds.url) as proxy:
        command = [sys.executable, "-m", "oracle", "watch", "--rpc", proxy.url, "--json"]
        command += ["--pool", world.rounds.reader.addresses.pool, "--every", "0.2"]
        command += ["--artefacts", str(world.artefacts), "--state", str(tmp_path / "state.json")]
        first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path)
        try:
            lines = [json.loads(first.stdout.readline())["result"] for _ in Lie]
            assert [line["round"] for line in lines] == list(Lie)
            proxy.set(http_500={})
            silent = json.loads(first.stdout.readline())["result"]
            assert (silent["round"], silent["finding"]) == (None, "missing")
            assert first.poll() is None
        finally:
            first.kill()
            first.wait()
            first.stdout.close()
        proxy.clear()
        again = subprocess.run([*command, "--once"], capture_output=True, text=True, cwd=tmp_path)
    assert again.returncode == 5, again.stderr
    assert json.loads(again.stdout)["result"] == {"lines": [], "different": [Lie.LATE, Lie.WRONG]}


# ---------------------------------------------------------------------- simulate


@pytest.mark.parametrize("mode", [[], ["--take-profit"]])
def test_simulate__fork__contract_ends_with_the_models_number(world, tmp_path, mode):
    head = world.rounds.anvil.head
    code, said = run(
        *["simulate", *on(world), "--mean", "corr=0.01", "--sd", "corr=0.03", "--level", "9"],
        *["--stake", "25", "--paths", "3", "--rounds", "4", "--fork", "--fork-rounds", "4", *mode],
    )
    assert code == 0, said
    played = said["fork"]
    assert len(played) == 4
    assert len({(one["stake"], one["claimable"]) for one in played}) == 4
    assert {one["level"] for one in played} == {9}
    assert bool(mode) == any(one["claimable"] != "0" for one in played)
    assert world.rounds.anvil.head == head
    assert [one["round"] for one in played] == [5, 6, 7, 8]


def test_simulate__from_the_chain__takes_stake_mode_and_vault(world):
    code, said = run(
        *["simulate", *on(world), "--model", "3", "--mean", "corr=0.01", "--paths", "1"],
        *["--rounds", "1"],
    )
    assert (code, said["stake"]) == (0, "4")
    expected = 4 * (1 + 0.75 * 0.01)
    assert float(said["mean"]) == pytest.approx(expected)

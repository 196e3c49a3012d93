"""``assay verify`` on rounds of Signals and Crypto on a real chain, in every mode of disclosure:
what Classic's rounds show in ``test_verify_modes``, where submissions leave ids out, name them in
several ways, and targets come with weights."""

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from committed_rounds import MODELS, OPERATOR, VERIFIER, Rounds, committed_rounds
from other_tournaments import CRYPTO, SIGNALS

from oracle.errors import AssayError
from oracle.settlement.manifest import TARGETS
from oracle.settlement.specs import Disclosure
from oracle.store.sealing import Identity
from oracle.verification.verify import Step, verify

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("verify-tournaments")]

OPEN, VERIFIERS, OWNERS = Disclosure
PAID = {CRYPTO: "corr,mmc,tc", SIGNALS: "alpha,mpc"}


@pytest.fixture(scope="module", params=[CRYPTO, SIGNALS], ids=["crypto", "signals"])
def rounds(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rounds]:
    with committed_rounds(tmp_path_factory.mktemp("rounds"), request.param) as made:
        yield made


def _shown(steps: list[Step], name: str) -> str:
    return next(step.shown for step in steps if step.name == name)


@pytest.mark.parametrize("mode", Disclosure)
@pytest.mark.parametrize(
    ("identity", "anew"),
    [(None, {OPEN}), (VERIFIER, {OPEN, VERIFIERS}), (OPERATOR, set(Disclosure))],
    ids=["nobody", "verifier", "operator"],
)
def test_verify__each_reader_of_each_mode__sees_the_round_through(
    rounds: Rounds, mode: Disclosure, identity: Identity | None, anew: set[Disclosure]
) -> None:
    played = rounds.rounds[mode]
    steps = verify(played.disclosed, rounds.url, None, identity)
    counted = played.result.manifest.totals.accepted
    assert counted == MODELS - 1
    said = "scored anew" if mode in anew else "follow from the published scores"
    assert said in _shown(steps, "scores")
    assert f"tournament {rounds.reader.addresses.tournament}," in _shown(steps, "announcement")
    if mode is not OWNERS:  # the last round is not settled
        assert "every lane as the reference model says" in _shown(steps, "settlement")


def test_rounds__scores_of_the_tournament__move_stakes(rounds: Rounds) -> None:
    """Somebody is paid or burnt by them, or the rounds above would show nothing."""
    result = rounds.rounds[OPEN].result
    header = result.files["outputs/scores.csv"].split(b"\n")[0].decode()
    paid = PAID[rounds.reader.addresses.tournament]
    assert header == f"model,on_time,stake,{paid},rho,level"
    assert any(any(batch.words) for batch in result.batches)
    burnt_and_paid = verify(rounds.rounds[OPEN].disclosed, rounds.url)
    assert "paid 0 NMR, burned 0 NMR" not in _shown(burnt_and_paid, "settlement")


@pytest.mark.parametrize(
    ("mode", "identity"),
    [(OPEN, None), (OWNERS, None), (OWNERS, OPERATOR)],
    ids=["open", "sealed", "operator"],
)
def test_verify__one_byte_of_any_file_flipped__named(
    rounds: Rounds, tmp_path: Path, mode: Disclosure, identity: Identity | None
) -> None:
    """Every file at a place of chance, the targets with their weights at twenty."""
    folder = shutil.copytree(rounds.rounds[mode].disclosed, tmp_path / "copied")
    dice = random.Random(f"{mode}")
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name, raw = path.relative_to(folder).as_posix(), path.read_bytes()
        for _ in range(20 if TARGETS in name else 1):
            place, changed = dice.randrange(len(raw)), bytearray(raw)
            changed[place] ^= 1 << dice.randrange(8)
            path.write_bytes(changed)
            assert name in _complaint(folder, rounds.url, identity), (name, place)
        path.write_bytes(raw)
    verify(folder, rounds.url, None, identity)


def _complaint(folder: Path, url: str, identity: Identity | None) -> str:
    try:
        verify(folder, url, None, identity)
    except AssayError as error:
        return error.message
    return ""


def test_verify__as_a_command__exit_code_and_steps(rounds: Rounds) -> None:
    folder = str(rounds.rounds[OPEN].disclosed)
    done = subprocess.run(
        [sys.executable, "-m", "oracle", "verify", folder, "--rpc", rounds.url, "--json"],
        capture_output=True,
        timeout=120,
    )
    shown = json.loads(done.stdout)
    assert (done.returncode, shown["ok"], shown["result"]["unchecked"]) == (0, True, [])

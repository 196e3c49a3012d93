"""``assay simulate`` without a chain: options, results, errors."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from oracle.cli import cli
from oracle.errors import InputError

NORMAL = ("--mean", "corr=0.01", "--sd", "corr=0.02", "--rounds", "5", "--paths", "20")


def simulated(*arguments: str) -> dict:
    done = CliRunner().invoke(cli, ["simulate", *arguments, "--json"])
    if done.exception is not None:
        raise done.exception
    return json.loads(done.stdout)["result"]


def test_simulate__normal_scores__tells_ends_losses_and_bands():
    found = simulated(*NORMAL, "--stake", "25")
    ends = [float(found["quantiles"][percent]) for percent in ("1", "50", "99")]
    assert ends == sorted(ends)
    assert ends[0] < 25 < ends[-1]
    assert 0 < found["chance_of_loss"]["0"] < 1
    assert found["by_round"]["50"][0] == "25"
    assert len(found["by_round"]["5"]) == 6
    assert float(found["expected_burn"]) > 0


def test_simulate__same_options__same_result_and_seed_matters():
    assert simulated(*NORMAL) == simulated(*NORMAL)
    assert simulated(*NORMAL)["mean"] != simulated(*NORMAL, "--seed", "1")["mean"]


def test_simulate__one_known_past_round__is_exact(tmp_path: Path):
    path = tmp_path / "scores.csv"
    path.write_text("round,corr,mmc\n1,0.02,0\n")
    found = simulated("--scores", str(path), "--rounds", "2", "--paths", "1", "--stake", "100")
    assert found["by_round"]["50"] == ["100", "101.5", "103.0225"]
    halved = simulated(
        *["--scores", str(path), "--rounds", "1", "--paths", "1", "--stake", "100"],
        *["--phi", "0.5"],
    )
    assert halved["mean"] == "100.75"
    crowded = simulated(
        *["--scores", str(path), "--rounds", "1", "--paths", "1", "--stake", "100"],
        *["--at-risk", "143900"],
    )
    assert crowded["mean"] == "100.75"
    poor = simulated(
        *["--scores", str(path), "--rounds", "1", "--paths", "1", "--stake", "100", "--vault", "0"]
    )
    assert poor["mean"] == "100"
    corr_only = simulated(
        *["--scores", str(path), "--rounds", "1", "--paths", "1", "--stake", "100"],
        *["--multiplier", "CORR=1"],
    )
    assert corr_only["mean"] == "102"


def test_simulate__plot__draws_the_same_file_twice(tmp_path: Path):
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    for path in (first, second):
        simulated(*NORMAL, "--plot", str(path))
    assert first.read_bytes() == second.read_bytes()
    assert b"paths" in first.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "taken from --scores, or drawn"),
        (("--mean", "corr=0.01", "--scores", "x.csv"), "taken from --scores, or drawn"),
        (("--mean", "tc=0.01"), "the template pays on corr, mmc"),
        (("--mean", "corr"), "the template pays on"),
        (("--mean", "corr=much"), "is not a decimal number"),
        (("--mean", "corr=0", "--sd", "corr=-1"), "not from 0 to 1"),
        (("--mean", "corr=0", "--sd", "corr=0.1", "--correlation", "-0.9"), "cannot be correlated"),
        (("--mean", "corr=0", "--stake", "0"), "nothing to gain or burn"),
        (("--mean", "corr=0", "--fork"), "--rpc and --pool are needed"),
        (("--mean", "corr=0", "--model", "1"), "--rpc and --pool are needed"),
        (("--mean", "corr=0", "--paths", "1000000", "--rounds", "10000"), "are more than"),
        (("--mean", "corr=0", "--template", "none"), "there is no template none"),
        (("--mean", "corr=0", "--plot", "x.pdf"), "cannot draw to"),
        (("--scores", "nowhere.csv"), "cannot read nowhere.csv"),
    ],
)
def test_simulate__wrong_options__say_what_and_what_to_do(arguments, reason):
    with pytest.raises(InputError, match=reason) as caught:
        simulated(*arguments)
    assert caught.value.message

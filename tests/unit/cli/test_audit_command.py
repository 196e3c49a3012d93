"""``assay audit``: numbers, limits and their exit code, drawings, bad input."""

import json
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest
from command import Ran

from oracle.cli.audit import load_template, with_multipliers
from oracle.errors import InputError
from oracle.settlement.payout import SCORE_KINDS

Run = Callable[..., tuple[int, str, str]]
LIMITS = {
    "--max-exposure": ("1", "0"),
    "--max-correlation": ("1", "-1"),
    "--max-level": ("15", None),  # a random model's levels are 0
    "--max-burn": ("1", "0"),
    "--max-burn-probability": ("1", "0"),
    "--min-fnc": ("-1", "1"),
    "--min-expected": ("-1", "1"),
}


@pytest.fixture
def run(assay: Callable[..., Ran]) -> Run:
    """Code, stdout and stderr."""
    return lambda *arguments: astuple(assay("audit", *arguments))


def result(out: str) -> Any:
    envelope = json.loads(out, parse_constant=lambda constant: pytest.fail(constant))
    assert envelope["ok"] is True
    return envelope["result"]


def test_tables__live_and_past__stake_and_probability(run: Run, files: Any) -> None:
    code, out, err = run(files.live, "--data", files.data, "--history", files.past, "--stake", "25")
    assert (code, err) == (0, "")
    assert "Live rows: a valid submission" in out
    assert "A stake of 25 NMR on" in out
    assert "Something burned in" in out


def test_json__live_and_past__every_number(run: Run, files: Any) -> None:
    code, out, _ = run(
        files.live, "--data", files.data, "--history", files.past, "--stake", "25", "--json"
    )
    assert code == 0
    found = result(out)
    assert (found["holds"], found["limits"]) == (True, [])
    assert found["live"]["rows"] == 60
    payouts = found["payouts"]
    assert payouts["stake"] == "25"
    assert payouts["eras"] == len(payouts["by_era"]) == len(found["past"]["levels"])
    assert set(payouts["quantiles"]) == {"5", "25", "50", "75", "95"}
    assert float(payouts["worst"]["change"]) == min(float(e["change"]) for e in payouts["by_era"])
    assert float(payouts["worst"]["change"]) >= -25 * 0.05


def test_json__no_past__null(run: Run, files: Any) -> None:
    code, out, _ = run(files.live, "--data", files.data, "--json")
    assert code == 0
    assert (result(out)["past"], result(out)["payouts"]) == (None, None)


@pytest.mark.parametrize("name", LIMITS)
def test_limit__holds_or_fails__code_0_or_7(run: Run, files: Any, name: str) -> None:
    arguments = (files.live, "--data", files.data, "--history", files.past, "--json")
    wide, narrow = LIMITS[name]
    code, out, _ = run(*arguments, name, wide)
    assert (code, result(out)["holds"]) == (0, True)
    if narrow is not None:
        code, out, _ = run(*arguments, name, narrow)
        assert (code, result(out)["holds"]) == (7, False)
        [limit] = result(out)["limits"]
        assert "--" + limit["name"].replace("_", "-") == name
        assert limit["holds"] is False


def test_limit__one_of_two_fails__the_table_says_which(run: Run, files: Any) -> None:
    code, out, _ = run(
        *(files.live, "--data", files.data, "--history", files.past),
        *("--max-burn", "0", "--max-exposure", "1"),
    )
    assert code == 7
    rows = {line.split("  ")[0]: line for line in out.splitlines() if line.startswith("max ")}
    assert "FAILS" in rows["max burn"]
    assert "holds" in rows["max exposure"]


def test_limit__about_the_past_without_one__fails_as_not_known(run: Run, files: Any) -> None:
    code, out, _ = run(files.live, "--data", files.data, "--max-burn", "1")
    assert code == 7
    assert "not known" in out


def test_own_rule__no_burns_above_its_clip(run: Run, files: Any) -> None:
    code, out, _ = run(
        *(files.live, "--data", files.data, "--history", files.past, "--json"),
        *("--multiplier", "CORR=2", "--multiplier", "fnc=0.5", "--clip-down", "0.01"),
        *("--clip-up", "0.5", "--kappa", "1", "--phi", "0.75", "--at-risk", "144000"),
    )
    assert code == 0
    changes = [float(era["change"]) for era in result(out)["payouts"]["by_era"]]
    assert min(changes) == -10 * 0.01
    assert max(changes) > 10 * 0.05


@pytest.mark.parametrize("name", ["x.png", "x.svg"])
def test_plot__drawn(run: Run, files: Any, tmp_path: Path, name: str) -> None:
    pytest.importorskip("matplotlib")
    code, out, _ = run(
        *(files.live, "--data", files.data, "--history", files.past),
        *("--plot", tmp_path / name),
    )
    assert code == 0
    assert (tmp_path / name).stat().st_size > 10_000
    assert name in out.replace("\n", "")


def test_plot__no_past__says_that_nothing_is_drawn(run: Run, files: Any, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    code, out, _ = run(files.live, "--data", files.data, "--plot", tmp_path / "x.png")
    assert code == 0
    assert "nothing drawn" in out
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        (("--stake", "0"), 3, "--stake 0"),
        (("--stake", "-1"), 2, "-1 is not from 0"),
        (("--stake", "1e-10"), 2, "finer than"),
        (("--stake", "nan"), 2, "nan is not from 0"),
        (("--kappa", "2"), 2, "2 is not from 0 to 1"),
        (("--max-level", "x"), 2, "'x' is not a decimal number"),
        (("--template", "nobody"), 3, "there is no template nobody"),
        (("--template", "signals"), 3, "past eras do not tell ALPHA"),
        (("--multiplier", "CORR"), 3, "--multiplier CORR"),
        (("--multiplier", "CORR=x"), 3, "'x' is not a decimal number"),
        (("--multiplier", "LUCK=1"), 3, "--multiplier LUCK=1"),
        (("--multiplier", "CORR=1", "--multiplier", "corr=2"), 3, "each kind once"),
        (("--multiplier", "CORR=0.0000001"), 3, "finer than 1/1000000"),
        (("--phi", "0.00000001"), 3, "--phi is finer"),
        (("--history", "absent.csv"), 3, "cannot read absent.csv"),
        (("--features", "huge"), 3, "no feature set huge"),
    ],
)
def test_bad_options__named_reason(
    run: Run, files: Any, options: tuple[str, ...], code: int, reason: str
) -> None:
    found, out, err = run(files.live, "--data", files.data, *options)
    assert (found, out) == (code, "")
    assert reason in err.replace("\n", " ")


def test_bad_submission__code_3_and_the_rules_reason(run: Run, files: Any, tmp_path: Path) -> None:
    lines = files.live.read_text().splitlines()
    (tmp_path / "short.csv").write_text("\n".join(lines[:-1]) + "\n")
    code, out, _ = run(tmp_path / "short.csv", "--data", files.data, "--json")
    error = json.loads(out)["error"]
    assert (code, error["code"]) == (3, "bad_input")
    assert "invalid_submission_ids: 1 of 60 live ids are missing" in error["message"]


def test_load_template__profile_by_name_and_by_file__the_same(tmp_path: Path) -> None:
    from oracle.cli.audit import PROFILES

    copy = tmp_path / "mine.toml"
    copy.write_bytes((PROFILES / "classic.toml").read_bytes())
    assert load_template("classic") == load_template(str(copy))
    assert load_template("classic")[0] == 8
    assert load_template("devnet")[1].kappa == 500_000


def test_with_multipliers__one__replaces_all_three() -> None:
    found = with_multipliers(load_template("classic")[1], ("mmc=3",))
    assert found.kinds == (SCORE_KINDS["MMC"], 0, 0)
    assert found.multipliers == (3_000_000, 0, 0)
    with pytest.raises(InputError, match="at most three"):
        with_multipliers(found, ("CORR=1", "MMC=1", "FNC=1", "TC=1"))

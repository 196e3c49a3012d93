"""``assay diagnostics``: tables, JSON without NaN, drawings."""

import builtins
import json
import sys
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest
from command import Ran

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(assay: Callable[..., Ran]) -> Run:
    """Code, stdout and stderr."""
    return lambda *arguments: astuple(assay("diagnostics", *arguments))


def strict_json(text: str) -> Any:
    """Refuses NaN and infinities, which JSON does not have."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} in JSON")

    return json.loads(text, parse_constant=refuse)


def test_tables__one_model__every_score_named(run: Run, files: Any) -> None:
    code, out, err = run(files.past, "--data", files.data)
    assert (code, err) == (0, "")
    for name in ("CORR", "MMC", "BMC", "FNC", "TB200", "rho", "Sharpe", "largest feature exposure"):
        assert name in out


def test_json__two_models__one_object_with_every_era(run: Run, files: Any) -> None:
    example = files.data / "validation_example_preds.parquet"
    code, out, _ = run(files.past, example, "--data", files.data, "--json")
    assert code == 0
    result = strict_json(out)["result"]
    assert [model["name"] for model in result["models"]] == [
        "validation",
        "validation_example_preds",
    ]
    eras = len(result["eras"])
    for model in result["models"]:
        assert len(model["exposures"]) == result["features"]
        assert len(model["levels"]) == eras
        for score in model["scores"].values():
            assert len(score["by_era"]) == eras
            assert score["eras"] + sum(score["missing"].values()) == eras
    example_scores = result["models"][1]["scores"]
    assert example_scores["example_correlation"]["mean"] == 1.0
    assert example_scores["bmc"]["sharpe"] is None
    assert example_scores["bmc"]["reasons"]["sharpe"] == "no_spread"
    assert result["models"][0]["scores"]["churn"]["mean"] is None


@pytest.mark.parametrize("models", [1, 2])
@pytest.mark.parametrize(
    ("name", "magic"), [("x.png", b"\x89PNG"), ("x.svg", b"<?xml"), ("x.SVG", b"<?xml")]
)
def test_plot__png_or_svg__drawn(
    run: Run, files: Any, tmp_path: Path, name: str, magic: bytes, models: int
) -> None:
    pytest.importorskip("matplotlib")
    code, _, err = run(*[files.past] * models, "--data", files.data, "--plot", tmp_path / name)
    assert (code, err) == (0, "")
    drawn = (tmp_path / name).read_bytes()
    assert drawn.startswith(magic)
    assert len(drawn) > 10_000


def test_plot__svg_twice__same_bytes(run: Run, files: Any, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("a.svg", "b.svg"):
        run(files.past, "--data", files.data, "--plot", tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_plot__no_matplotlib__names_the_extra_before_any_work(
    run: Run, files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, out, err = run(tmp_path / "absent", "--data", files.data, "--plot", tmp_path / "x.png")
    assert (code, out) == (6, "")
    assert "assay[plots]" in err


def test_no_plot__no_matplotlib__works(
    run: Run, files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        assert not name.startswith("matplotlib")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    assert run(files.past, "--data", files.data)[0] == 0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--plot", "x.pdf"), "cannot draw to x.pdf"),
        (("--features", "huge"), "no feature set huge"),
        (("--target", "nothing"), "no target nothing"),
        (("--data", "nowhere"), "nowhere/features.json is missing"),
    ],
)
def test_bad_options__named_reason_and_code_3(
    run: Run, files: Any, options: tuple[str, str], reason: str
) -> None:
    code, out, err = run(files.past, "--data", files.data, *options)
    assert (code, out) == (3, "")
    assert reason in err.replace("\n", " ")


def test_no_files__usage_error(run: Run, files: Any) -> None:
    assert run("--data", files.data)[0] == 2

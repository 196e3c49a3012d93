"""``assay data``: universes, return series and phi, obfuscation."""

import hashlib
import json
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from command import Ran

from oracle.datasets.series import SHIPPED, day_number, read_series, shipped_series
from oracle.datasets.universes import DEFAULT, UNIVERSES
from oracle.errors import Exit
from oracle.scoring.volatility import announced_phi

SECRET = hashlib.sha256(b"known to one").hexdigest()
RAW = "id,date,size,value\n" + "".join(
    f"stock{row},2024-01-{day:02d},{row * day % 7},{row / day}\n"
    for day in (5, 12)
    for row in range(30)
)


@pytest.fixture
def data(assay: Callable[..., Ran]) -> Callable[..., Ran]:
    return partial(assay, "data")


@pytest.fixture
def sp500(data) -> Path:
    assert data("series", "sp500", "sp500.csv").code == 0
    return Path("sp500.csv")


# ---------------------------------------------------------------------- market, synthetic


def test_market__list__every_universe(data):
    found = data("market", "--list", "--json").result()["universes"]
    assert [one["name"] for one in found] == list(UNIVERSES)
    assert found[0] == {
        "name": DEFAULT,
        "stocks": 126,
        "first_day": "1990-01-02",
        "last_day": "1998-12-31",
        "live_eras": 234,
    }
    assert "nyse-1962" in data("market", "--list").out


def test_market__no_folder_or_no_resolution__usage(data):
    for arguments in ((), ("out",), ("--resolution", "secret")):
        ran = data("market", *arguments)
        assert ran.code == Exit.USAGE
        assert "FOLDER" in ran.err


def test_market__unknown_universe__code_3_naming_them(data, tmp_path):
    ran = data("market", "out", "--resolution", "secret", "--universe", "moon", "--json")
    assert ran.code == Exit.INPUT
    assert ran.error()["message"] == "there is no universe moon"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_market__a_universe__built(data):
    ran = data("market", "out", "--resolution", "secret", "--universe", "djia-2001", "--json")
    assert ran.result()["live_rows"] == 29


def test_synthetic__rainier_with_other_sizes__the_rest_is_numerais(data, monkeypatch):
    from oracle.datasets import synthetic

    asked: dict[str, Any] = {}

    def build(*_: object, **sizes: Any) -> None:
        asked.update(sizes)
        raise KeyboardInterrupt

    monkeypatch.setattr(synthetic, "build_synthetic", build)
    data("synthetic", "o", "--resolution", "s", "--rainier", "--eras", "60", "--rows", "50")
    del asked["progress"]
    assert asked == {
        **{"rows": 50, "features": 2748, "eras": 60, "small": 42, "medium": 780, "seed": 1}
    }
    data("synthetic", "o", "--resolution", "s")
    del asked["progress"]
    assert asked == {
        **{"rows": 500, "features": 40, "eras": 60, "small": None, "medium": None, "seed": 1}
    }


def test_synthetic__sizes_of_sets__as_asked(data):
    sizes = ("--rows", 20, "--features", 10, "--eras", 10, "--small", 1, "--medium", 9)
    assert data("synthetic", "out", "--resolution", "secret", *sizes, "--json").code == 0
    sets = json.loads(Path("out/features.json").read_text())["feature_sets"]
    assert {name: len(columns) for name, columns in sets.items()} == {
        **{"small": 1, "medium": 9, "all": 10}
    }


# ---------------------------------------------------------------------- series, phi


def test_series__no_name__lists_them(data):
    names = data("series", "--json").result()["series"]
    assert set(names) == set(SHIPPED) - {"vix"}
    assert "nasdaq" in data("series").out


def test_series__a_name__the_returns_and_nothing_overwritten(data, sp500):
    read, shipped = read_series(sp500), shipped_series("sp500")
    assert read.days.tolist() == shipped.days.tolist()
    assert read.returns.tolist() == shipped.returns.tolist()
    ran = data("series", "nasdaq", "sp500.csv")
    assert ran.code == Exit.INPUT
    assert "exists already" in ran.err
    assert data("series", "nasdaq").code == Exit.USAGE
    assert data("series", "vix", "v.csv").code == Exit.INPUT


def test_phi__a_day_of_2008__what_announce_takes(data, sp500):
    arguments = ("phi", sp500, "--target", "0.009", "--gamma", "1", "--previous", "0.8")
    ran = data(*arguments, "--day", "2008-10-13", "--publish", "published.csv", "--json")
    read = read_series(sp500)
    expected = announced_phi(
        read.days, read.returns, day_number("2008-10-13"), 9_000_000, 100, 800_000
    )
    assert ran.result()["phi"] == expected.phi == 700_000
    assert ran.result()["phi_without_step_bound"] == 500_000
    assert ran.result()["series_hash"] == "0x" + expected.series_hash.hex()
    assert (ran.result()["last"], ran.result()["day"]) == ("2008-10-10", "2008-10-13")
    published = Path("published.csv").read_bytes()
    assert hashlib.sha256(published).hexdigest() == expected.series_hash.hex()
    # Anybody can run it again from the published text alone.
    again = data("phi", "published.csv", "--previous", "0.8", "--day", "2008-10-13", "--json")
    assert again.result() == ran.result()
    shown = data(*arguments, "--day", "2008-10-13").out
    assert "0.7 (announce 700000)" in shown


def test_phi__no_day__the_day_after_the_last_return(data, sp500):
    result = data("phi", sp500, "--target", "0.009", "--gamma", "1", "--json").result()
    assert (result["last"], result["day"]) == ("2018-12-31", "2019-01-01")
    assert result["returns"] == 5030
    assert result["previous"] == 1_000_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--target", "0.009", "--gamma", "0"), "gamma is 0, it must lie in 0.01 to 10"),
        (("--target", "-1", "--gamma", "1"), "target_volatility is -1"),
        (("--target", "0.0000000001", "--gamma", "1"), "--target 0.0000000001 has more than 9"),
        (("--target", "x", "--gamma", "1"), "--target x is not a decimal number"),
        (("--target", "0.009", "--gamma", "1.005"), "--gamma 1.005 has more than 2 decimals"),
        (("--target", "0.009", "--gamma", "1", "--previous", "0.4"), "previous_phi is 0.4"),
        (("--target", "0.009", "--gamma", "1", "--day", "13.10.2008"), "is not a date"),
        (("--target", "0.009", "--gamma", "1", "--day", "2026-01-01"), "the last return is"),
        (("--target", "0.009", "--gamma", "1", "--day", "1999-02-01"), "60 are needed"),
        (("--target", "0.009", "--gamma", "1", "--publish", "sp500.csv"), "exists already"),
        (("--target", "0.009", "--gamma", "1", "--plot", "x.txt"), "a plot's name ends in"),
    ],
)
def test_phi__wrong__code_3_and_what_is_wrong(data, sp500, arguments, said):
    ran = data("phi", sp500, *arguments)
    assert ran.code == Exit.INPUT
    assert said in re.sub(r"\s+", " ", ran.err)
    assert [path.name for path in Path.cwd().iterdir()] == ["sp500.csv"]


def test_phi__target_or_gamma_unknown__usage(data, sp500):
    assert data("phi", sp500, "--gamma", "1").code == Exit.USAGE
    assert data("phi", sp500, "--target", "0.01").code == Exit.USAGE
    assert data("phi", "none.csv", "--target", "0.01", "--gamma", "1").code == Exit.INPUT
    Path("empty.csv").write_text("day,return\n")
    ran = data("phi", "empty.csv", "--target", "0.01", "--gamma", "1")
    assert ran.code == Exit.INPUT
    assert "0 returns before the announcement" in ran.err


def test_phi__plot__an_image(data, sp500):
    pytest.importorskip("matplotlib")
    lines = sp500.read_text().splitlines()
    Path("short.csv").write_text("\n".join(lines[:200]) + "\n")
    ran = data("phi", "short.csv", "--target", "0.009", "--gamma", "1", "--plot", "phi.png")
    assert ran.code == 0
    assert Path("phi.png").read_bytes().startswith(b"\x89PNG")


def test_phi__plot_without_matplotlib__code_6_naming_the_extra(data, sp500, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    ran = data("phi", sp500, "--target", "0.009", "--gamma", "1", "--plot", "phi.png")
    assert ran.code == Exit.ENVIRONMENT
    assert "plots" in ran.err


# ---------------------------------------------------------------------- obfuscate, reveal


def test_obfuscate_and_reveal__a_table__there_and_back(data):
    Path("raw.csv").write_text(RAW)
    Path("key").write_text(SECRET + "\n")
    options = ("--key-file", "key", "--era-column", "date")
    made = data("obfuscate", "raw.csv", "out", *options, "--json")
    assert made.result() == {
        **{"folder": "out", "files": ["raw.parquet"], "eras": 2, "rows": 60, "features": 2}
    }
    back = data("reveal", "out", "raw.csv", "back", *options, "--json")
    assert back.result() == {"folder": "back", "found": 60, "asked": 60}
    ids = pd.read_csv("back/ids.csv").set_index("id")["original"]
    assert set(ids) == {f"stock{row}" for row in range(30)}
    assert set(ids.index) == set(pd.read_parquet("out/raw.parquet").index)


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("broken", [False, True])
def test_obfuscate__anything_printed_or_written__never_the_key(data, as_json, broken):
    Path("raw.csv").write_text(RAW.replace("stock3,", "stock4,") if broken else RAW)
    Path("key").write_text(SECRET)
    options = ("--key-file", "key", "--era-column", "date", *["--json"] * as_json)
    ran = [
        data("obfuscate", "raw.csv", "out", *options),
        data("obfuscate", "raw.csv", "out", *options),
        data("reveal", "out", "raw.csv", "back", *options),
    ]
    assert ran[0].code == (Exit.INPUT if broken else 0)
    assert ran[1].code == Exit.INPUT
    written = b"".join(path.read_bytes() for path in Path.cwd().rglob("*/*") if path.is_file())
    said = "".join(one.out + one.err for one in ran).encode()
    for part in (SECRET[:12], SECRET[20:32], SECRET[-12:]):
        assert part.encode() not in written + said
    assert bytes.fromhex(SECRET)[:8] not in written


def test_obfuscate__short_key__code_3_without_showing_it(data):
    Path("raw.csv").write_text(RAW)
    Path("key").write_text("hunter2hunter2")
    ran = data("obfuscate", "raw.csv", "out", "--key-file", "key")
    assert ran.code == Exit.INPUT
    assert "has 14 bytes" in ran.err
    assert "hunter2" not in ran.err
    assert not Path("out").exists()
    assert data("obfuscate", "raw.csv", "out").code == Exit.USAGE


@pytest.mark.parametrize("option", ["--key", "--seed", "--password"])
def test_obfuscate__key_on_the_command_line__there_is_no_such_option(data, option):
    ran = data("obfuscate", "raw.csv", "out", option, SECRET)
    assert ran.code == Exit.USAGE

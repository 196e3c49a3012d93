"""``assay round announce``: phi and the series hash, refused before anything is sent."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from command import Ran
from eth_account import Account

from oracle.cli import options
from oracle.cli.schedule import PhiSource
from oracle.errors import Exit, InputError, RefusedError
from oracle.scoring.volatility import PHI_ONE, canonical_series
from oracle.settlement.typed_data import SPEC_HASH

DAY = 20_000
NOW = DAY * 86_400 + 3_600
HASH = "0x" + "ab" * 32
ZERO = bytes(32)
# Seventy returns of 0.01 either way up to the day before: sigma is 0.01, and phi 0.009 / 0.01.
DAYS = np.arange(DAY - 70, DAY)
RETURNS = np.resize(np.array([10**7, -(10**7)]), 70)
TARGET, GAMMA = 9_000_000, 100
TEXT = canonical_series(DAYS, RETURNS, TARGET, GAMMA)
TEXT_HASH = hashlib.sha256(TEXT).digest()


@pytest.fixture
def series(tmp_path: Path) -> Path:
    path = tmp_path / "series.csv"
    path.write_bytes(TEXT)
    return path


# ---------------------------------------------------------------------- where phi comes from


def test_phi_source__nothing_named__one_without_a_series():
    assert PhiSource().announced(PHI_ONE, NOW) == (PHI_ONE, ZERO)


@pytest.mark.parametrize(
    ("phi", "previous"), [(900_000, PHI_ONE), (600_000, 500_000), (PHI_ONE, 900_000)]
)
def test_phi_source__one_step_from_the_last__as_named(phi, previous):
    assert PhiSource(phi, b"\x01" * 32).announced(previous, NOW) == (phi, b"\x01" * 32)


@pytest.mark.parametrize(
    ("phi", "previous", "fix"),
    [
        (899_999, PHI_ONE, "announce 0.9 to 1:"),
        (600_001, 500_000, "announce 0.5 to 0.6:"),
        (None, 899_999, "announce 0.799999 to 0.999999:"),
    ],
)
def test_phi_source__further_than_a_step__refused_with_what_would_do(phi, previous, fix):
    with pytest.raises(RefusedError, match=r"is more than 0\.1 from the last announced") as caught:
        PhiSource(phi, b"\x01" * 32).announced(previous, NOW)
    assert caught.value.fix.startswith(fix)


@pytest.mark.parametrize(
    ("previous", "phi"), [(PHI_ONE, 900_000), (950_000, 900_000), (700_000, 800_000)]
)
def test_phi_source__series__phi_of_its_numbers_and_hash_of_its_bytes(series, previous, phi):
    """A step from the last phi at most, as `assay data phi --previous` computes it."""
    assert PhiSource(series=series).announced(previous, NOW) == (phi, TEXT_HASH)
    assert PhiSource(phi, series=series).announced(previous, NOW) == (phi, TEXT_HASH)


def test_phi_source__series_of_calm_days__one_and_still_its_hash(tmp_path):
    text = canonical_series(DAYS, RETURNS // 2, TARGET, GAMMA)
    (tmp_path / "calm.csv").write_bytes(text)
    found = PhiSource(series=tmp_path / "calm.csv").announced(PHI_ONE, NOW)
    assert found == (PHI_ONE, hashlib.sha256(text).digest())


def test_phi_source__another_phi_than_the_series__refused(series):
    with pytest.raises(InputError, match=r"--phi 0\.95 is not 0\.9, which follows from") as caught:
        PhiSource(950_000, series=series).announced(PHI_ONE, NOW)
    assert "leave out --phi" in caught.value.fix


@pytest.mark.parametrize(
    ("text", "days_later", "said"),
    [
        (None, 0, "cannot read"),
        (b"", 0, "line 1 is not"),
        (b"day,return\n1999-01-05,0.01\n", 0, "line 1 is not"),
        (TEXT.replace(b"0.01\n", b"0.010\n", 1), 0, "longer than it must be"),
        (TEXT.replace(b"gamma=1", b"gamma=11"), 0, "gamma is 11, it must lie in"),
        (TEXT + TEXT.splitlines(keepends=True)[2], 0, "not of a later day"),
        (canonical_series(DAYS[:59], RETURNS[:59], TARGET, GAMMA), 0, "59 returns before"),
        (TEXT, -1, "has returns of 2024-10-03 or later"),
        (TEXT, 10, "the last return is 11 days before the announcement"),
    ],
)
def test_phi_source__bad_series__refused_naming_file_and_reason(series, text, days_later, said):
    series.unlink()
    if text is not None:
        series.write_bytes(text)
    with pytest.raises(InputError, match=said) as caught:
        PhiSource(series=series).announced(PHI_ONE, NOW + 86_400 * days_later)
    assert str(series) in caught.value.message
    assert "assay data phi" in caught.value.fix


# ---------------------------------------------------------------------- the command


@dataclass
class Chain:
    """Stands in for the chain that the command reads and sends to; ``sent`` are its calls."""

    previous: int = PHI_ONE
    lapsed: int | None = None
    sent: list[tuple[Any, ...]] = field(default_factory=list)
    web3: Any = None
    url: str = ""

    def last_phi(self) -> int:
        return self.previous

    def newest(self) -> Any:
        return SimpleNamespace(timestamp=NOW, number=1)

    def skippable(self, _: Any) -> int | None:
        return self.lapsed

    def state(self, _: int = 0) -> dict[str, int]:
        return {"last_announced": 6, "head": 1}

    def skip(self, number: int) -> None:
        self.sent.append(("skip", number))

    def announce(self, number: int, *terms: Any) -> None:
        phi, series_hash, spec = terms[-3:]
        assert spec == "assay/scoring/2"
        self.sent.append(("announce", number, phi, series_hash))

    @property
    def reader(self) -> "Chain":
        return self


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch) -> Chain:
    chain = Chain()
    monkeypatch.setattr(options, "_reader", lambda *_: chain)
    monkeypatch.setattr(options, "_signer", lambda *_: Account.from_key(b"\x07" * 32))
    monkeypatch.setattr(options, "Sender", lambda *_: None)
    monkeypatch.setattr(options, "PoolWriter", lambda *_: chain)
    return chain


@pytest.fixture
def round_(chain: Chain, assay: Callable[..., Ran]) -> Callable[..., Ran]:
    return partial(assay, "round")


def test_announce__no_phi__one_and_no_series(round_, chain):
    ran = round_("announce", "--json")
    assert chain.sent == [("announce", 7, PHI_ONE, ZERO)]
    result = json.loads(ran.out)["result"]
    assert (result["phi"], result["series_hash"]) == (PHI_ONE, None)


def test_announce__phi_and_hash__are_sent(round_, chain):
    chain.lapsed = 6
    ran = round_("announce", "--phi", "0.925", "--series-hash", HASH)
    assert chain.sent == [("skip", 6), ("announce", 7, 925_000, bytes.fromhex(HASH[2:]))]
    assert "phi 0.925" in ran.out
    assert HASH in ran.out.replace("\n", "")


def test_announce__series__is_one_step(round_, chain, series):
    result = json.loads(round_("announce", "--series", series, "--json").out)["result"]
    assert chain.sent == [("announce", 7, 900_000, TEXT_HASH)]
    assert (result["phi"], result["series_hash"]) == (900_000, "0x" + TEXT_HASH.hex())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--phi", "0.499999"), "phi is 0.499999, it must lie in 0.5 to 1"),
        (("--phi", "1.000001"), "phi is 1.000001, it must lie in 0.5 to 1"),
        (("--phi", "-1e999999999"), "it must lie in 0.5 to 1"),
        (("--phi", "0.9000001"), "phi 0.9000001 has more than six decimals"),
        (("--phi", "inf"), "it must lie in 0.5 to 1"),
        (("--phi", "nan"), "'nan' is not a decimal number"),
        (("--phi", "much"), "'much' is not a decimal number"),
        (("--phi", "0.95"), "`assay data phi --publish FILE` writes, or --series-hash"),
        (("--phi", "0.95", "--series-hash", "0x12"), "'0x12' is not 0x and 64 hex digits"),
        (("--series-hash", "ab" * 32), "is not 0x and 64 hex digits"),
        (("--series-hash", "0x" + "00" * 32), "a hash of zeros names no series"),
        (("--series", "x.csv", "--series-hash", HASH), "--series-hash goes without --series"),
    ],
)
def test_announce__wrong_options__usage_and_nothing_sent(round_, chain, arguments, said):
    chain.lapsed = 6
    ran = round_("announce", *arguments)
    assert ran.code == Exit.USAGE
    assert said in ran.err
    assert chain.sent == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--phi", "0.899999", "--series-hash", HASH), Exit.REFUSED),
        (("--series", "missing.csv"), Exit.INPUT),
    ],
)
def test_announce__refused_phi__nothing_sent_not_even_a_skip(round_, chain, arguments, code):
    chain.lapsed = 6
    assert round_("announce", *arguments).code == code
    assert chain.sent == []


@pytest.mark.parametrize(("phi", "series_hash"), [(PHI_ONE, ZERO), (925_000, b"\xab" * 32)])
def test_show__phi_and_a_series_hash_if_there_is_one(round_, chain, monkeypatch, phi, series_hash):
    announced = SimpleNamespace(
        phi=phi, series_hash=series_hash, spec_hash=SPEC_HASH, hash=lambda: b"\x01" * 32
    )
    facts = SimpleNamespace(number=7, opens=NOW, closes=NOW, due=NOW, final_at=None)
    monkeypatch.setattr(Chain, "announced", lambda *_: announced, raising=False)
    monkeypatch.setattr(Chain, "committed", lambda *_: None, raising=False)
    monkeypatch.setattr(Chain, "facts", lambda *_: facts, raising=False)
    monkeypatch.setattr("oracle.cli.round.phase", lambda *_: SimpleNamespace(value="announced"))
    shown, result = round_("show", 7).out, json.loads(round_("show", 7, "--json").out)["result"]
    assert ("series hash" in shown) == any(series_hash)
    assert ("phi" in shown, "0.925" in shown) == (True, phi == 925_000)
    assert (result["spec"], result["disclosure"]) == ("assay/scoring/1", "open")
    assert (result["phi"], result["series_hash"]) == (phi, HASH if any(series_hash) else None)

"""The server's configuration: what it holds, and what is refused with its place."""

from pathlib import Path

import pytest

from oracle.errors import InputError
from oracle.gateway.config import load_server_config
from oracle.gateway.forms import amount, iso, units_of

TEXT = """
name = "server"
port = 8000
url = "https://assay.example:8443"

[[tournaments]]
number = 8
chain_id = 137
pool = "0x1111111111111111111111111111111111111111"
data = "provider"
sources = ["artefacts", "https://store.example/a"]
chain = {urls = ["http://127.0.0.1:8545"]}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "server.toml"
    path.write_text(text)
    return path


def test_load__paths__are_taken_from_the_file(tmp_path: Path) -> None:
    config = load_server_config(written(tmp_path, TEXT + '[files]\nfolder = "b"\n'))
    assert config.where == str(tmp_path / "server.sqlite")
    assert config.files.folder == tmp_path / "b"
    assert config.files.secret == tmp_path / "url.secret"
    [one] = config.tournaments
    assert one.data == tmp_path / "provider"
    assert one.sources == (str(tmp_path / "artefacts"), "https://store.example/a")
    assert config.domain == "assay.example:8443"
    assert config.submitter is None


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (('name = "server"', 'name = "Server!"'), "name"),
        (("port = 8000", "port = 80"), "port"),
        (("number = 8", "number = 9"), "tournaments"),
        (("number = 8", "number = 8\nmore = 1"), r"tournaments\.0\.more"),
        (('url = "https', 'url = "ftp'), "url"),
        (("port = 8000", 'port = 8000\nrates = {sign_in = "never"}'), "rates"),
        (("port = 8000", 'port = 8000\nrates = {other = "1/minute"}'), "rates"),
        (("0x1111", "0x11"), r"tournaments\.0\.pool"),
    ],
    ids=["name", "port", "number", "unknown", "url", "rate", "rates", "pool"],
)
def test_load__wrong_field__refused_with_its_name(
    tmp_path: Path, change: tuple[str, str], where: str
) -> None:
    with pytest.raises(InputError, match=where):
        load_server_config(written(tmp_path, TEXT.replace(*change)))


def test_load__tournament_twice__refused(tmp_path: Path) -> None:
    twice = TEXT + TEXT[TEXT.index("[[tournaments]]") :]
    with pytest.raises(InputError, match="at most once"):
        load_server_config(written(tmp_path, twice))


def test_load__no_file_or_no_toml__refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        load_server_config(tmp_path / "none.toml")
    with pytest.raises(InputError):
        load_server_config(written(tmp_path, "= ="))


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("1", 10**9),
        ("0.000000001", 1),
        ("12.5", 12_500_000_000),
        ("11000000", 11 * 10**15),
        ("", None),
        (".5", None),
        ("1.", None),
        ("1.0000000001", None),
        ("-1", None),
        ("1e3", None),
        ("١", None),
        ("1 ", None),
        ("9" * 30, None),
    ],
)
def test_units_of__text__exact_or_none(text: str, units: int | None) -> None:
    assert units_of(text) == units
    if units is not None:
        assert units_of(amount(units) or "") == units


def test_iso__time__carries_its_zone() -> None:
    assert iso(1_795_000_000) == "2026-11-18T11:06:40Z"
    assert iso(None) is None

"""A new operator's folder, its request to join, and the folder of the one that follows it."""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import kms_server
import pytest
from pydantic import BaseModel

from oracle.chain.signers import open_signer
from oracle.errors import InputError, RefusedError
from oracle.operator import setup
from oracle.operator.announce_config import WeekdaysAnnounce
from oracle.operator.config import BridgeSettings, ChainSettings, OperatorConfig, load_config
from oracle.operator.config_text import config_text
from oracle.operator.joining import load_request
from oracle.operator.rotating import rotate
from oracle.operator.setup import KmsKey, NewEnvFile, NewKey, NewKeystore, initialise
from oracle.store.sealing import Identity

POOL = "0x1111111111111111111111111111111111111111"
TOP: Mapping[str, object] = {
    "name": "alice",
    "chain_id": 137,
    "pool": POOL,
    "data": "provider",
    "port": 8600,
    "url": "https://alice.example",
    "peers": ["https://bob.example"],
}
CHAIN: Mapping[str, object] = {"urls": ["http://a:1", "http://b:2"]}
SETTINGS = {"": TOP, "chain": CHAIN}


@pytest.fixture
def alice(tmp_path: Path) -> Path:
    """An operator's configuration, made."""
    initialise(tmp_path / "alice", SETTINGS, NewKeystore())
    return tmp_path / "alice" / "operator.toml"


# ---------------------------------------------------------------------- init


@pytest.mark.parametrize("key", [NewKeystore(), NewEnvFile()])
def test_initialise__new_key__everything_opens_and_belongs_together(
    tmp_path: Path, key: NewKey
) -> None:
    request = initialise(tmp_path / "alice", SETTINGS, key)
    config = load_config(tmp_path / "alice" / "operator.toml")
    signer = open_signer(config.signer)
    assert signer is not None
    assert signer.address == request.address
    assert Identity.load(config.identity).recipient == request.card.recipient
    assert config.peers == ("https://bob.example",)
    assert load_request(tmp_path / "alice" / "join.json") == request


@pytest.mark.parametrize("key", [NewKeystore(), NewEnvFile()])
def test_initialise__files__only_the_owner_may_read_them(tmp_path: Path, key: NewKey) -> None:
    initialise(tmp_path / "alice", SETTINGS, key)
    secret = {"key.json", "password", "key.env", "identity.age"}
    modes = {p.name: p.stat().st_mode & 0o777 for p in (tmp_path / "alice").iterdir()}
    assert {modes[name] for name in secret & modes.keys()} == {0o600}
    assert len(secret & modes.keys()) >= 2
    assert (tmp_path / "alice").stat().st_mode & 0o777 == 0o700


def test_initialise__join_request__holds_no_secret(alice: Path) -> None:
    folder = alice.parent
    password = (folder / "password").read_text().strip()
    secret = (folder / "identity.age").read_text().split()[-1]
    for name in ("join.json", "operator.toml"):
        text = (folder / name).read_text()
        assert password not in text
        assert secret not in text


def test_initialise__kms__key_stays_there(tmp_path: Path, monkeypatch: Any) -> None:
    for name, value in kms_server.NO_CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with kms_server.kms_server() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        key = KmsKey(kms_server.new_key(url), kms_server.REGION)
        request = initialise(tmp_path / "alice", SETTINGS, key)
        config = load_config(tmp_path / "alice" / "operator.toml")
        signer = open_signer(config.signer)
    assert signer is not None
    assert signer.address == request.address
    assert request.is_genuine()
    made = {path.name for path in (tmp_path / "alice").iterdir()}
    assert made == {"operator.toml", "identity.age", "join.json"}


def test_initialise__folder_in_use__refused_and_untouched(alice: Path) -> None:
    before = {path: path.read_bytes() for path in alice.parent.iterdir()}
    with pytest.raises(RefusedError, match="is there already"):
        initialise(alice.parent, SETTINGS, NewKeystore())
    assert {path: path.read_bytes() for path in alice.parent.iterdir()} == before


def test_initialise__empty_folder__used(tmp_path: Path) -> None:
    (tmp_path / "alice").mkdir()
    initialise(tmp_path / "alice", SETTINGS, NewEnvFile())
    assert (tmp_path / "alice" / "join.json").exists()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"name": "Alice!"}, "name"),
        ({"port": 80}, "port"),
        ({"url": "alice.example"}, "url"),
        ({"pool": "0x11"}, "address"),
        ({"pool": "0x52908400098527886e0F7030069857D2E4169EE7"}, "checksum"),
    ],
)
def test_initialise__wrong_setting__named_and_nothing_left(
    tmp_path: Path, change: Mapping[str, object], what: str
) -> None:
    with pytest.raises(InputError, match=what) as error:
        initialise(tmp_path / "alice", {**SETTINGS, "": {**TOP, **change}}, NewEnvFile())
    assert ".alice-" not in error.value.message, "the folder's name while it is made"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", ["_write", "request_to_join", "config_text"])
def test_initialise__fails_half_way__nothing_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(setup, step, fails)
    with pytest.raises(InputError, match="No space left"):
        initialise(tmp_path / "alice", SETTINGS, NewKeystore())
    assert list(tmp_path.iterdir()) == []


def test_initialise__parent_is_a_file__named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot make"):
        initialise(tmp_path / "file" / "alice", SETTINGS, NewEnvFile())


# ---------------------------------------------------------------------- the text


def _uncommented(text: str) -> dict[str, Any]:
    """The file with every default and example in force."""
    return tomllib.loads(re.sub(r"^#(?=[\w\[])", "", text, flags=re.MULTILINE))


def _names(model: type[BaseModel]) -> set[str]:
    return set(model.model_fields)


def test_config_text__every_line_uncommented__is_a_valid_configuration() -> None:
    text = config_text({**SETTINGS, "signer": {"kind": "envfile", "file": "key.env"}})
    config = OperatorConfig.model_validate(_uncommented(text))
    assert config.store.s3 is not None
    assert config.announce is not None


def test_config_text__every_field__is_shown() -> None:
    text = config_text({**SETTINGS, "signer": {"kind": "envfile", "file": "key.env"}})
    shown = _uncommented(text)
    assert set(shown) == _names(OperatorConfig)
    assert set(shown["bridge"]) == _names(BridgeSettings)
    for name in ("chain", "store"):
        assert set(shown[name]) == _names(OperatorConfig.model_fields[name].annotation)
    [s3] = [kind for kind in get_args(_annotation("store", "s3")) if kind is not type(None)]
    assert set(shown["store"]["s3"]) == _names(s3)
    # phi stands for the two that say how it follows from a published series.
    assert set(shown["announce"]) == _names(WeekdaysAnnounce) - {"series", "series_hash"}


def _annotation(section: str, name: str) -> Any:
    model = OperatorConfig.model_fields[section].annotation
    assert model is not None
    return model.model_fields[name].annotation


def test_config_text__commented_defaults__are_the_defaults() -> None:
    """What a comment shows as a default must be what its absence means."""
    shown = _uncommented(config_text(SETTINGS))
    given: set[str] = set(TOP)
    for name, field in OperatorConfig.model_fields.items():
        sections = {"announce", "bridge", "chain", "signer", "store"}
        if name not in given | sections and not field.is_required():
            default = field.default
            assert type(default)(shown[name]) == default, name
    for section, model in (("bridge", BridgeSettings), ("chain", ChainSettings)):
        for name, field in model.model_fields.items():
            assert field.is_required() or shown[section][name] == field.default, name


def test_config_text__what_it_has_no_place_for__is_a_bug() -> None:
    with pytest.raises(AssertionError, match="no place"):
        config_text({**SETTINGS, "chian": {"urls": []}})


# ---------------------------------------------------------------------- requests


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.update(chain_id=138),
        lambda r: r.update(pool="0x" + "22" * 20),
        lambda r: r["card"].update(url="https://mallory.example"),
        lambda r: r["card"].update(recipient=Identity.new().recipient),
        lambda r: r["card"].update(operator="0x" + "33" * 20),
        lambda r: r["card"].update(issued=1),
    ],
)
def test_load_request__anything_changed__refused(
    alice: Path, change: Callable[[Any], None]
) -> None:
    path = alice.parent / "join.json"
    request = json.loads(path.read_text())
    change(request)
    path.write_text(json.dumps(request))
    with pytest.raises(RefusedError, match="is not signed by"):
        load_request(path)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"\xff", b"9" * 100_000, b'{"schema": 1}'])
def test_load_request__another_file__is_bad_input(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "join.json"
    path.write_bytes(raw)
    with pytest.raises(InputError, match="no request to join"):
        load_request(path)


# ---------------------------------------------------------------------- rotation


def test_rotate__usual_operator__follows_with_key_database_and_port_of_its_own(
    alice: Path, tmp_path: Path
) -> None:
    rotated = rotate(alice, tmp_path / "next", NewKeystore(), url="https://alice-2.example")
    old, new = load_config(alice), load_config(tmp_path / "next" / "operator.toml")
    assert open_signer(old.signer).address == rotated.old != rotated.request.address
    assert (new.name, new.port, new.url) == ("alice-2", 8601, "https://alice-2.example")
    assert new.database != old.database
    assert new.artefacts != old.artefacts
    assert Identity.load(new.identity).recipient != Identity.load(old.identity).recipient
    assert (new.data, new.peers, new.chain) == (old.data, old.peers, old.chain)
    assert rotated.request.is_genuine()


def test_rotate__everything_set__is_kept_but_for_what_must_differ(tmp_path: Path) -> None:
    settings = {
        "": {
            **TOP,
            "name": "a" * 30 + "-9",
            "cycle": 2.5,
            "stagger": 7.0,
            "providers": ["0x" + "44" * 20],
            "verifiers": [Identity.new().recipient],
        },
        "chain": {**CHAIN, "agree": 2, "solo": False, "max_fee_gwei": 77},
        "store": {"artefacts": "rounds"},
        "store.s3": {"bucket": "b", "prefix": "p/"},
    }
    initialise(tmp_path / "a", settings, NewEnvFile())
    rotate(tmp_path / "a" / "operator.toml", tmp_path / "b", NewEnvFile(), url="https://b.example")
    old = load_config(tmp_path / "a" / "operator.toml")
    new = load_config(tmp_path / "b" / "operator.toml")
    same = ("cycle", "stagger", "providers", "verifiers", "chain", "data", "host", "chain_id")
    assert {n: getattr(new, n) for n in same} == {n: getattr(old, n) for n in same}
    assert new.name == "a" * 29 + "-10"
    assert new.store.artefacts == Path("rounds")
    assert (new.store.s3.bucket, new.store.s3.prefix) == ("b", f"p/{new.name}")


def test_rotate__old_folder__is_not_touched(alice: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in alice.parent.iterdir()}
    rotate(alice, tmp_path / "next", NewKeystore(), url="https://alice-2.example")
    assert {path: path.read_bytes() for path in alice.parent.iterdir()} == before


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"url": "https://b.example", "port": 8600}, "the old operator's"),
        ({"url": "https://alice.example"}, "an address of its own"),
        ({}, "an address of its own"),
    ],
)
def test_rotate__shares_what_both_need__bad_input(
    alice: Path, tmp_path: Path, options: dict[str, Any], why: str
) -> None:
    with pytest.raises(InputError, match=why):
        rotate(alice, tmp_path / "next", NewKeystore(), **options)
    assert not (tmp_path / "next").exists()


@pytest.mark.parametrize("database", ["", "postgresql://assay@h1/alice"])
def test_rotate__database_on_a_server__needs_another_one(tmp_path: Path, database: str) -> None:
    settings = {**SETTINGS, "store": {"database": "postgresql://assay@h1/alice"}}
    initialise(tmp_path / "a", settings, NewEnvFile())
    old = tmp_path / "a" / "operator.toml"
    with pytest.raises(InputError, match="database"):
        rotate(old, tmp_path / "b", NewEnvFile(), url="https://b.example", database=database)
    other = "postgresql://assay@h1/alice2"
    rotate(old, tmp_path / "b", NewEnvFile(), url="https://b.example", database=other)
    assert load_config(tmp_path / "b" / "operator.toml").database == other


def test_rotate__the_same_key__refused_and_nothing_left(alice: Path, tmp_path: Path) -> None:
    class OldKey:
        def make(self, folder: Path) -> tuple[Any, Mapping[str, object]]:
            return open_signer(load_config(alice).signer), {"kind": "envfile", "file": "key.env"}

    with pytest.raises(RefusedError, match="is the old one"):
        rotate(alice, tmp_path / "next", OldKey(), url="https://alice-2.example")
    assert [path.name for path in tmp_path.iterdir()] == ["alice"]


def test_rotate__dry_run__refused(tmp_path: Path) -> None:
    path = tmp_path / "operator.toml"
    path.write_text(config_text({**SETTINGS, "": {**TOP, "identity": "identity.age"}}))
    with pytest.raises(RefusedError, match="names no key"):
        rotate(path, tmp_path / "next", NewEnvFile(), url="https://b.example")

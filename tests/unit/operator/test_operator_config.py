"""An operator's configuration: its sections, its defaults, and what is wrong, by field."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oracle.chain.signers import EnvFileSettings, KeystoreSettings, KmsSettings
from oracle.errors import InputError
from oracle.operator.announce_config import SecondsAnnounce, WeekdaysAnnounce
from oracle.operator.config import OperatorConfig, load_config
from oracle.settlement.calendar import Seconds, Weekdays
from oracle.store.sealing import Identity

BASE = """
name = "one"
chain_id = 137
pool = "0x1111111111111111111111111111111111111111"
data = "provider"
port = 8600
"""
CHAIN = '[chain]\nurls = ["http://a:1", "http://b:2"]\n'
KEYSTORE = '[signer]\nkind = "keystore"\nkeystore = "key.json"\npassword_file = "pw"\n'
ANNOUNCER = '[announce.signer]\nkind = "envfile"\nfile = "announcer.env"\n'


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., OperatorConfig]:
    def loaded(*parts: str) -> OperatorConfig:
        path = tmp_path / "operator.toml"
        path.write_text("\n".join(parts))
        return load_config(path)

    return loaded


def test_load__least__a_dry_run_with_defaults_beside_the_file(load: Any, tmp_path: Path) -> None:
    config = load(BASE, CHAIN)
    assert config.signer is None
    assert config.announce is None
    assert config.chain.urls == ("http://a:1", "http://b:2")
    assert (config.chain.agree, config.chain.solo) == (2, True)
    assert config.identity == tmp_path / "identity.age"
    assert config.database == str(tmp_path / "journal.sqlite")
    assert config.artefacts == tmp_path / "artefacts"
    assert config.public_url == "http://127.0.0.1:8600"
    assert config.allow_plaintext is False


def test_load__paths__are_taken_from_the_file(load: Any, tmp_path: Path) -> None:
    config = load('home = "state"', 'identity = "/etc/assay/id.age"', BASE, CHAIN, KEYSTORE)
    assert isinstance(config.signer, KeystoreSettings)
    assert config.signer.keystore == tmp_path / "key.json"
    assert config.identity == Path("/etc/assay/id.age")
    assert config.artefacts == tmp_path / "state" / "artefacts"


def test_load__server_database_and_bucket__are_kept_as_they_are(load: Any) -> None:
    store = '[store]\ndatabase = "postgresql://u@h1,h2/assay"\n[store.s3]\nbucket = "rounds"\n'
    config = load(BASE, CHAIN, store)
    assert config.database == "postgresql://u@h1,h2/assay"
    assert config.store.s3.bucket == "rounds"


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        ('[signer]\nkind = "envfile"\nfile = "key.env"', EnvFileSettings),
        ('[signer]\nkind = "kms"\nkey_id = "alias/a"\nregion = "eu-west-1"', KmsSettings),
    ],
)
def test_load__signer__by_its_kind(load: Any, section: str, kind: type) -> None:
    assert isinstance(load(BASE, CHAIN, section).signer, kind)


def test_load__calendar_of_weekdays__tuesday_to_saturday_with_a_longer_weekend(
    load: Any, tmp_path: Path
) -> None:
    section = '[announce]\ncalendar = "weekdays"\nhour = 12\nseries = "series.csv"'
    announce = load(BASE, CHAIN, section, ANNOUNCER).announce
    assert isinstance(announce, WeekdaysAnnounce)
    assert announce.rounds() == Weekdays(12, 3_600, 24, 176_400)
    assert announce.phi_source().series == tmp_path / "series.csv"
    assert announce.signer.file == tmp_path / "announcer.env"


def test_load__calendar_of_seconds__for_a_devnet(load: Any) -> None:
    section = '[announce]\ncalendar = "seconds"\nevery = 60\nwindow = 20\nhorizon = 10'
    announce = load(BASE, CHAIN, section, ANNOUNCER).announce
    assert isinstance(announce, SecondsAnnounce)
    assert announce.rounds() == Seconds(60, 20, 10)


SECONDS = '[announce]\ncalendar = "seconds"\nevery = 60\nwindow = 20\nhorizon = 10\n'


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((BASE,), "chain: Field required"),
        ((BASE, "[chain]\nurls = []"), "chain.urls"),
        ((BASE, CHAIN, "agree = 0"), "chain.agree"),
        (("pool = 1", CHAIN), "name: Field required"),
        (("surprise = 1", BASE, CHAIN), "surprise: Extra inputs are not permitted"),
        (("port = ", BASE, CHAIN), "Invalid value"),
        ((BASE, CHAIN, '[signer]\nkind = "paper"'), "signer"),
        (('verifiers = ["age1x"]', BASE, CHAIN), "is no age recipient"),
        (('providers = ["0x12"]', BASE, CHAIN), "providers.0"),
        ((BASE, CHAIN, '[announce]\ncalendar = "moon"', ANNOUNCER), "announce"),
        ((BASE, CHAIN, SECONDS), "announce.seconds.signer: Field required"),
        ((BASE, CHAIN, SECONDS.replace("60", "0"), ANNOUNCER), "every must be a second at least"),
        ((BASE, CHAIN, SECONDS + 'spec = "other"', ANNOUNCER), "this release knows assay/scoring"),
        ((BASE, CHAIN, SECONDS + 'phi = 1000000\nseries = "s"', ANNOUNCER), "not both"),
    ],
)
def test_load__wrong__names_the_field(load: Any, parts: tuple[str, ...], expected: str) -> None:
    with pytest.raises(InputError) as caught:
        load(*parts)
    assert expected in caught.value.message
    assert "operator.toml" in caught.value.message


def test_load__wrong_secret__is_not_repeated(load: Any) -> None:
    secret = Identity.new()._secret
    with pytest.raises(InputError) as caught:
        load(f'verifiers = ["{secret}"]', BASE, CHAIN)
    assert secret not in caught.value.message

"""What owners say of their models, in databases of both kinds."""

from dataclasses import replace

import pytest

from oracle.errors import InputError
from oracle.records.profiles import Profiles
from oracle.records.rows import ModelRow
from oracle.store.database import Database

ONE, TWO = (ModelRow(8, n, f"uuid {n}", "0xA", "0xA", bytes(32), 1) for n in (1, 2))


def test_profile__never_edited__then_there_is_none(database: Database) -> None:
    assert Profiles(database).of(ONE) is None


def test_profile__edited_in_parts__then_the_rest_stays(database: Database) -> None:
    profiles = Profiles(database)
    profiles.set_bio(ONE, "  ridge ")
    profiles.set_link(ONE, None, "https://a.example")
    profiles.set_webhook(ONE, "http://hooks.example:8080/x?y=z")
    found = profiles.of(ONE)
    assert found is not None
    assert (found.bio, found.link_text, found.link_url) == ("ridge", None, "https://a.example")
    assert found.webhook == "http://hooks.example:8080/x?y=z"
    assert profiles.of(TWO) is None
    assert profiles.of(replace(ONE, tournament=11)) is None


def test_webhook__set_again__then_its_secret_stays(database: Database) -> None:
    profiles = Profiles(database)
    profiles.set_webhook(ONE, "https://a.example")
    before = _secret(profiles, ONE)
    profiles.set_webhook(ONE, "https://b.example")
    profiles.set_webhook(TWO, "https://b.example")
    assert _secret(profiles, ONE) == before
    assert _secret(profiles, TWO) != before


def test_profile__model_has_another_owner__then_he_sees_nothing_of_it(database: Database) -> None:
    profiles, sold = Profiles(database), replace(ONE, owner="0xB")
    profiles.set_bio(ONE, "ridge")
    profiles.set_webhook(ONE, "https://a.example/?key=SECRET")
    before = _secret(profiles, ONE)
    assert profiles.of(sold) is None
    profiles.set_link(sold, "mine", "https://b.example")
    found = profiles.of(sold)
    assert found is not None
    assert (found.bio, found.webhook, found.link_text) == (None, None, "mine")
    assert found.webhook_secret != before
    assert profiles.of(ONE) is None


def _secret(profiles: Profiles, model: ModelRow) -> bytes:
    found = profiles.of(model)
    assert found is not None
    assert found.webhook_secret is not None
    return found.webhook_secret


@pytest.mark.parametrize(
    "url",
    ["ftp://a.example", "https://", "a.example", "https://a b", "https://[", "https://a:99999/",
     "https://ä.example", "https://a.example/" + "x" * 2_000, "javascript:alert(1)"],
    ids=lambda url: url[:24],
)  # fmt: skip
def test_web_address__none__then_it_is_refused(database: Database, url: str) -> None:
    with pytest.raises(InputError, match="no address of the web"):
        Profiles(database).set_link(ONE, "x", url)
    with pytest.raises(InputError, match="no address of the web"):
        Profiles(database).set_webhook(ONE, url)


def test_texts__too_long__then_they_are_refused(database: Database) -> None:
    with pytest.raises(InputError, match="at most 1000 characters, not 1001"):
        Profiles(database).set_bio(ONE, "x" * 1_001)

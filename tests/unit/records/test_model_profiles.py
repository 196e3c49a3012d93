"""What owners say of their models, in databases of both kinds."""

import pytest

from oracle.errors import InputError
from oracle.records.profiles import Profiles
from oracle.store.database import Database


def test_profile__never_edited__then_there_is_none(database: Database) -> None:
    assert Profiles(database).of(8, [1]) == {}


def test_profile__edited_in_parts__then_the_rest_stays(database: Database) -> None:
    profiles = Profiles(database)
    profiles.set_bio(8, 1, "  ridge ")
    profiles.set_link(8, 1, None, "https://a.example")
    profiles.set_webhook(8, 1, "http://hooks.example:8080/x?y=z")
    found = profiles.of(8, [1, 2])
    assert set(found) == {1}
    one = found[1]
    assert (one.bio, one.link_text, one.link_url) == ("ridge", None, "https://a.example")
    assert one.webhook == "http://hooks.example:8080/x?y=z"
    assert profiles.of(11, [1]) == {}


def test_webhook__set_again__then_its_secret_stays(database: Database) -> None:
    profiles = Profiles(database)
    profiles.set_webhook(8, 1, "https://a.example")
    before = profiles.of(8, [1])[1].webhook_secret
    profiles.set_webhook(8, 1, "https://b.example")
    profiles.set_webhook(8, 2, "https://b.example")
    after = profiles.of(8, [1, 2])
    assert after[1].webhook_secret == before
    assert after[2].webhook_secret != before


@pytest.mark.parametrize(
    "url",
    ["ftp://a.example", "https://", "a.example", "https://a b", "https://[", "https://a:99999/",
     "https://ä.example", "https://a.example/" + "x" * 2_000, "javascript:alert(1)"],
    ids=lambda url: url[:24],
)  # fmt: skip
def test_web_address__none__then_it_is_refused(database: Database, url: str) -> None:
    with pytest.raises(InputError, match="no address of the web"):
        Profiles(database).set_link(8, 1, "x", url)
    with pytest.raises(InputError, match="no address of the web"):
        Profiles(database).set_webhook(8, 1, url)


def test_texts__too_long__then_they_are_refused(database: Database) -> None:
    with pytest.raises(InputError, match="at most 1000 characters, not 1001"):
        Profiles(database).set_bio(8, 1, "x" * 1_001)

"""Addresses of the server's own: good for one file, one use of it, and for a while."""

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.errors import InputError
from oracle.files.names import clean, require_key, unique
from oracle.files.signed import AddressError, Signed, load_secret

SECRET, URL, KEY = bytes(range(32)), "https://tournament.example", "uploads/0a1b"


class Wall:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def signed(wall: Wall) -> Signed:
    return Signed(SECRET, URL + "/", wall)


def taken_apart(address: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(address)
    assert address.startswith(URL + "/files/")
    return parts.path.removeprefix("/files/"), dict(parse_qsl(parts.query, keep_blank_values=True))


def test_upload__its_own_address__says_key_and_size(signed) -> None:
    found = signed.check_upload(*taken_apart(signed.upload(KEY, most=77, seconds=60)))
    assert (found.key, found.most) == (KEY, 77)


def test_download__its_own_address__says_key_name_and_hash(signed) -> None:
    address = signed.download(KEY, "a&b=c d.csv", seconds=60, sha256=b"\x01" * 32)
    found = signed.check_download(*taken_apart(address))
    assert (found.key, found.filename, found.sha256) == (KEY, "a&b=c d.csv", "01" * 32)


def test_check__until_its_time_is_over__good_and_then_not(signed, wall) -> None:
    key, query = taken_apart(signed.upload(KEY, most=1, seconds=60))
    wall.now += 59
    signed.check_upload(key, query)
    wall.now += 1
    with pytest.raises(AddressError, match="expired"):
        signed.check_upload(key, query)


@pytest.mark.parametrize("name", ["most", "expires", "signature"])
@pytest.mark.parametrize("value", ["9999999999", "", "0", "-1", "x", "\u0661"])
def test_check__query_changed__refused(signed, name: str, value: str) -> None:
    key, query = taken_apart(signed.upload(KEY, most=1, seconds=60))
    with pytest.raises(AddressError, match="changed"):
        signed.check_upload(key, {**query, name: value})


def test_check__another_key__refused(signed) -> None:
    _, query = taken_apart(signed.upload(KEY, most=1, seconds=60))
    for key in ("uploads/0a1c", "uploads", "", "../uploads/0a1b", "uploads/0a1b/"):
        with pytest.raises(AddressError, match="changed"):
            signed.check_upload(key, query)


@pytest.mark.parametrize("missing", ["most", "expires", "signature"])
def test_check__part_of_the_query_missing_or_added__refused(signed, missing: str) -> None:
    key, query = taken_apart(signed.upload(KEY, most=1, seconds=60))
    with pytest.raises(AddressError, match="no address"):
        signed.check_upload(key, {k: v for k, v in query.items() if k != missing})
    with pytest.raises(AddressError, match="no address"):
        signed.check_upload(key, {**query, "more": "1"})


def test_check__address_to_get_used_to_put__refused(signed) -> None:
    key, query = taken_apart(signed.download(KEY, "a", seconds=60))
    with pytest.raises(AddressError):
        signed.check_upload(key, query)
    with pytest.raises(AddressError):
        signed.check_upload(key, {"most": "10", **{k: query[k] for k in ("expires", "signature")}})


def test_check__another_servers_secret__refused(signed) -> None:
    other = Signed(SECRET[::-1], URL)
    with pytest.raises(AddressError):
        other.check_upload(*taken_apart(signed.upload(KEY, most=1, seconds=10**9)))


@given(st.text(max_size=20), st.text(max_size=20))
def test_sign__parts_cut_elsewhere__another_signature(first: str, second: str) -> None:
    signed = Signed(SECRET, URL)
    if first:
        moved = (first[:-1], first[-1] + second)
        assert signed._sign(first, second) != signed._sign(*moved)
    assert signed._sign(first + second) != signed._sign(first, second)


# ---------------------------------------------------------------------- the secret


def test_load_secret__none_yet__made_for_its_owner_and_the_same_again(tmp_path: Path) -> None:
    path = tmp_path / "url.secret"
    made = load_secret(path)
    assert (len(made), path.stat().st_mode & 0o777) == (32, 0o600)
    assert load_secret(path) == made


def test_load_secret__others_may_read_it__refused(tmp_path: Path) -> None:
    path = tmp_path / "url.secret"
    load_secret(path)
    path.chmod(0o640)
    with pytest.raises(InputError, match="can be read by others"):
        load_secret(path)


@pytest.mark.parametrize("text", ["", "zz", "00" * 31, "00" * 33])
def test_load_secret__something_else__refused_and_not_shown(tmp_path: Path, text: str) -> None:
    path = tmp_path / "url.secret"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(InputError, match="does not hold 32 bytes") as caught:
        load_secret(path)
    assert not text or text not in caught.value.message.replace(str(path), "")


# ---------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("predictions.csv", "predictions.csv"),
        ("my preds (1).parquet", "my_preds__1_.parquet"),
        ("v\u00f6rher.csv", "v_rher.csv"),
        ("a", "a"),
        ("x" * 128, "x" * 128),
        ('a";b=.csv', "a__b_.csv"),
    ],
)
def test_clean__name_of_a_file__only_plain_characters(name: str, cleaned: str) -> None:
    assert clean(name) == cleaned


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x" * 129,
        ".",
        "..",
        ".hidden",
        "../a.csv",
        "a/b.csv",
        "a\\b.csv",
        "C:a",
        "a\0",
        "a\r\nb",
    ],
)
def test_clean__no_name_of_a_file__refused(name: str) -> None:
    with pytest.raises(InputError):
        clean(name)


@given(st.text(max_size=140))
def test_clean__any_text__refused_or_harmless(name: str) -> None:
    try:
        cleaned = clean(name)
    except InputError:
        return
    assert cleaned.isascii()
    assert not set(cleaned) & set('/\\:";\r\n\0 ')
    assert not cleaned.startswith(".")


def test_unique__same_name_twice__two_names_with_its_ending() -> None:
    names = {unique("preds.csv") for _ in range(50)} | {unique("noending") for _ in range(50)}
    assert len(names) == 100
    assert all(name.endswith(".csv") or name.startswith("noending-") for name in names)


@pytest.mark.parametrize("key", ["uploads/0a", "a", "data/8/42/ab-live"])
def test_require_key__the_servers_own__same(key: str) -> None:
    assert require_key(key) == key

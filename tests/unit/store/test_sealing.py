"""age encryption: who can open what, and what malformed bytes cost."""

import os
from pathlib import Path

import pyrage
import pytest

from oracle.errors import InputError
from oracle.store.sealing import (
    MAX_HEADER,
    MAX_RECIPIENTS,
    Identity,
    SealError,
    is_recipient,
    is_sealed,
    largest_sealed,
    seal,
)

MINE, OTHER, STRANGER = Identity.new(), Identity.new(), Identity.new()
RAW = b"id,prediction\n" + os.urandom(1000)


def test_seal__to_two__each_opens_it_and_nobody_else():
    sealed = seal(RAW, [MINE.recipient, OTHER.recipient, MINE.recipient])
    assert MINE.open(sealed) == OTHER.open(sealed) == RAW
    assert is_sealed(sealed)
    assert RAW not in sealed
    with pytest.raises(SealError, match="sealed to others"):
        STRANGER.open(sealed)


def test_seal__to_nobody_or_too_many__refused():
    with pytest.raises(ValueError, match="sealed to nobody"):
        seal(RAW, [])
    many = [Identity.new().recipient for _ in range(MAX_RECIPIENTS + 1)]
    with pytest.raises(ValueError, match=f"more than {MAX_RECIPIENTS}"):
        seal(RAW, many)
    assert MINE.open(seal(RAW, [MINE.recipient, *many[:-2]])) == RAW


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 1_000_000])
def test_largest_sealed__any_size_to_most_recipients__bounds_it(size):
    recipients = [Identity.new().recipient for _ in range(MAX_RECIPIENTS)]
    assert size < len(seal(bytes(size), recipients)) <= largest_sealed(size)


def test_open__any_byte_of_it_changed__refused():
    sealed = seal(RAW, [MINE.recipient])
    for place in range(0, len(sealed), 7):
        damaged = bytearray(sealed)
        damaged[place] ^= 1
        with pytest.raises(SealError):
            MINE.open(bytes(damaged))


def test_open__cut_anywhere_or_longer__refused():
    sealed = seal(RAW, [MINE.recipient])
    for length in range(0, len(sealed), 7):
        with pytest.raises(SealError):
            MINE.open(sealed[:length])
    with pytest.raises(SealError):
        MINE.open(sealed + b"\0")


def test_open__plain_or_text_form__refused():
    armored = pyrage.encrypt(RAW, [pyrage.x25519.Recipient.from_str(MINE.recipient)], armored=True)
    for raw in (RAW, b"", armored, pyrage.passphrase.encrypt(RAW, "secret")):
        with pytest.raises(SealError):
            MINE.open(raw)


def test_open__header_without_end__refused_by_its_length_alone():
    """The library needs minutes for it."""
    for filling in (b"a", b"-> X25519 a\n", b"-> X25519 " + b"A" * 43 + b"\n" + b"A" * 43 + b"\n"):
        body = b"age-encryption.org/v1\n" + filling * (8_000_000 // len(filling))
        with pytest.raises(SealError, match="sealed to too many"):
            MINE.open(body)
    assert MAX_HEADER < 10_000


def test_identity__saved__loads_again_and_is_private(tmp_path: Path):
    path = tmp_path / "identity.age"
    MINE.save(path)
    assert Identity.load(path).recipient == MINE.recipient
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        OTHER.save(path)


def test_identity__shown__never_its_secret():
    assert MINE._secret not in repr(MINE) + str(MINE)


@pytest.mark.parametrize("content", ["", "# only a comment\n", "AGE-SECRET-KEY-1\n", "a\nb\n"])
def test_identity__file_without_one__named_error(tmp_path: Path, content: str):
    path = tmp_path / "identity.age"
    path.write_text(content)
    with pytest.raises(InputError, match="does not hold one age identity"):
        Identity.load(path)


@pytest.mark.parametrize(
    "text",
    ["", "age1", "age1" + "q" * 58, MINE.recipient[:-1], "ssh-rsa A"],
    ids=["nothing", "too short", "wrong checksum", "cut off", "another kind"],
)
def test_is_recipient__anything_else__false(text: str):
    assert is_recipient(MINE.recipient)
    assert not is_recipient(text)

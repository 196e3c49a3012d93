"""Who can use an address on the other chain."""

import pytest

from oracle.bridge.accounts import Holder, checked_address, wallet_warning
from oracle.errors import InputError

AT = "0x" + "11" * 20
KEY = Holder(b"")
DELEGATED = Holder(bytes.fromhex("ef0100") + b"\x22" * 20)
WALLET, OTHER = Holder(b"\x60\x01"), Holder(b"\x60\x02")
SAFE = Holder(b"\x60\x03", (frozenset({"a", "b"}), 2))
SAFE_OF_OTHERS = Holder(b"\x60\x03", (frozenset({"a", "c"}), 2))
SAFE_OF_FEWER = Holder(b"\x60\x03", (frozenset({"a", "b"}), 1))


@pytest.mark.parametrize("arrives", ["root", "child"])
@pytest.mark.parametrize(
    ("there", "here", "why"),
    [
        (KEY, KEY, None),
        (DELEGATED, KEY, None),
        (KEY, DELEGATED, None),
        (WALLET, KEY, "no code on the"),
        (WALLET, DELEGATED, "no code on the"),
        (KEY, WALLET, "only"),
        (WALLET, WALLET, "is the same contract"),
        (WALLET, OTHER, "is another contract"),
        (SAFE, SAFE, None),
        (SAFE, SAFE_OF_OTHERS, "other owners"),
        (SAFE, SAFE_OF_FEWER, "other owners"),
        (SAFE, WALLET, "is another contract"),
    ],
    ids=[
        "keys", "delegated-away", "delegated-here", "wallet-away", "wallet-and-delegated",
        "wallet-here", "same-code", "other-code", "safe", "safe-others", "safe-fewer",
        "safe-and-wallet",
    ],
)  # fmt: skip
def test_wallet_warning__either_way__names_what_is_wrong(
    there: Holder, here: Holder, why: str | None, arrives: str
) -> None:
    root, child = (there, here) if arrives == "child" else (here, there)
    found = wallet_warning(AT, root, child, arrives=arrives)
    if why is None:
        assert found is None
    else:
        assert found is not None
        assert why in found
        assert AT in found


def test_checked_address__any_case__with_its_checksum() -> None:
    address = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    assert checked_address(address.lower(), "--to") == address
    assert checked_address(address, "--to") == address


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "40 hex digits"),
        ("0x12", "40 hex digits"),
        ("11" * 20, "40 hex digits"),
        ("name.eth", "40 hex digits"),
        ("0x" + "00" * 20, "zero address"),
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", "wrong checksum"),
    ],
)
def test_checked_address__wrong__refused_with_the_option(text: str, why: str) -> None:
    with pytest.raises(InputError, match=f"--to .*{why}"):
        checked_address(text, "--to")

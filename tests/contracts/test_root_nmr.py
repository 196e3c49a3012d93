"""The stand-in for NMR on Ethereum has that token's quirks."""

from typing import Any

import boa
import pytest
from assay_system import compiled

NMR = 10**18


@pytest.fixture
def people() -> dict[str, str]:
    return {name: boa.env.generate_address(name) for name in ("owner", "relay", "holder", "other")}


@pytest.fixture
def nmr(people: dict[str, str]) -> Any:
    token = compiled("contracts/devnet/RootNmr.vy").deploy(people["owner"], people["relay"])
    token.transfer(people["holder"], 100 * NMR)
    return token


def test_approve__from_one_amount_to_another__only_through_zero(
    nmr: Any, people: dict[str, str]
) -> None:
    holder, other = people["holder"], people["other"]
    assert nmr.approve(other, 5, sender=holder)
    with boa.reverts("nmr: approved already"):
        nmr.approve(other, 6, sender=holder)
    nmr.approve(other, 0, sender=holder)
    nmr.approve(other, 6, sender=holder)
    assert nmr.allowance(holder, other) == 6


def test_change_approval__old_amount_named__replaces_it(nmr: Any, people: dict[str, str]) -> None:
    holder, other = people["holder"], people["other"]
    nmr.approve(other, 5, sender=holder)
    with boa.reverts("nmr: another approval"):
        nmr.changeApproval(other, 4, 9, sender=holder)
    assert nmr.changeApproval(other, 5, 9, sender=holder)
    assert nmr.allowance(holder, other) == 9


def test_mint__own_balance__destroys_it(nmr: Any, people: dict[str, str]) -> None:
    supply = nmr.totalSupply()
    assert nmr.mint(40 * NMR, sender=people["holder"])
    assert nmr.totalSupply() == supply - 40 * NMR
    assert nmr.balanceOf(people["holder"]) == 60 * NMR


def test_mint__more_than_the_balance__answers_false_and_does_nothing(
    nmr: Any, people: dict[str, str]
) -> None:
    supply = nmr.totalSupply()
    assert nmr.mint(101 * NMR, sender=people["holder"]) is False
    assert (nmr.totalSupply(), nmr.balanceOf(people["holder"])) == (supply, 100 * NMR)


def test_numerai_transfer__by_allowance__destroys_anothers_tokens(
    nmr: Any, people: dict[str, str]
) -> None:
    holder, other, supply = people["holder"], people["other"], nmr.totalSupply()
    assert nmr.numeraiTransfer(holder, 1, sender=other) is False
    nmr.approve(other, 30 * NMR, sender=holder)
    assert nmr.numeraiTransfer(holder, 20 * NMR, sender=other)
    assert nmr.totalSupply() == supply - 20 * NMR
    assert (nmr.balanceOf(holder), nmr.balanceOf(other)) == (80 * NMR, 0)
    assert nmr.allowance(holder, other) == 10 * NMR


def test_transfer_from__any_allowance__is_used_up(nmr: Any, people: dict[str, str]) -> None:
    holder, other = people["holder"], people["other"]
    nmr.approve(other, 2**256 - 1, sender=holder)
    nmr.transferFrom(holder, other, 10, sender=other)
    assert nmr.allowance(holder, other) == 2**256 - 11
    with boa.reverts("nmr: balance too low"):
        nmr.transferFrom(holder, other, 100 * NMR, sender=other)


def test_transfer_from__an_owner__is_refused(nmr: Any, people: dict[str, str]) -> None:
    nmr.transfer(people["owner"], NMR)
    nmr.approve(people["other"], NMR, sender=people["owner"])
    with boa.reverts("nmr: from an owner"):
        nmr.transferFrom(people["owner"], people["other"], 1, sender=people["other"])


def test_transfer__to_the_zero_address__does_not_lower_the_supply(
    nmr: Any, people: dict[str, str]
) -> None:
    supply = nmr.totalSupply()
    nmr.transfer("0x" + "00" * 20, NMR, sender=people["holder"])
    assert nmr.totalSupply() == supply


def test_emergency_stop__by_the_owner__stops_all_but_the_relay_and_burning_by_allowance(
    nmr: Any, people: dict[str, str]
) -> None:
    holder, other = people["holder"], people["other"]
    nmr.approve(other, NMR, sender=holder)
    with boa.reverts("nmr: not the owner"):
        nmr.emergencyStop(sender=other)
    nmr.emergencyStop(sender=people["owner"])
    for refused in (
        lambda: nmr.transfer(other, 1, sender=holder),
        lambda: nmr.transferFrom(holder, other, 1, sender=other),
        lambda: nmr.approve(other, 0, sender=holder),
        lambda: nmr.changeApproval(other, NMR, 1, sender=holder),
        lambda: nmr.mint(1, sender=holder),
        lambda: nmr.stake(1, bytes(32), 1, 1, 1, sender=holder),
    ):
        with boa.reverts("nmr: stopped"):
            refused()
    assert nmr.numeraiTransfer(holder, 1, sender=other)
    assert nmr.withdraw(holder, other, 1, sender=people["relay"])
    with boa.reverts("nmr: not the owner"):
        nmr.release(sender=other)
    nmr.release(sender=people["owner"])
    assert nmr.transfer(other, 1, sender=holder)


def test_withdraw__anybody_but_the_relay__answers_false(nmr: Any, people: dict[str, str]) -> None:
    assert nmr.withdraw(people["holder"], people["other"], 1, sender=people["other"]) is False
    assert nmr.balanceOf(people["other"]) == 0


def test_disabled_functions__called__answer_false(nmr: Any, people: dict[str, str]) -> None:
    assert nmr.createTournament(1) is False
    assert nmr.createRound(1, 1, 1, 1) is False
    assert nmr.stake(1, bytes(32), 1, 1, 1, sender=people["holder"]) is False
    assert nmr.contractUpgradable() is False

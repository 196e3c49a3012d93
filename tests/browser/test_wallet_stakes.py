"""Stakes by a browser's wallet: what is said before anything is signed, what is sent, what became
of it, and every way in which it can go wrong."""

import re

import pytest
from eth_abi import decode
from playwright.sync_api import Browser, expect
from wallet_visits import (
    SIGN,
    STRANGER,
    Crossing,
    ask_deposit,
    asked,
    crossing,
    done,
    nmr,
    sign,
    stakes_are_there,
    utc,
)

from oracle.chain.keys import dev_account
from oracle.settlement.units import RATE_ONE, WEI_PER_UNIT
from oracle.settlement.units import nmr as text

__all__ = ["crossing"]
pytestmark = [pytest.mark.slow, pytest.mark.chain]
POLYGON = "Polygon"


def test_deposit__dates_and_largest_loss_said_before_signing__as_the_lens_has_them(
    browser: Browser, crossing: Crossing
) -> None:
    reader = crossing.at.world.reader
    with crossing.visit(browser) as (page, wallet):
        dialog = ask_deposit(page, "2.5")
        shown = dialog.inner_text()
        assert "eth_sendTransaction" not in wallet.asked
        clip = reader.announced(reader.target()).template.clip_down
        assert f"{text(nmr(2.5) * clip // RATE_ONE)} NMR (5 %)" in shown
        assert f"round {reader.target()}" in shown
        lens = crossing.outlook(nmr(2.5))
        times = {"At the latest, whoever is silent": lens.latest_at, "Joins": lens.close}
        for name, seconds in times.items():
            row = dialog.locator(f"dt:text-is('{name}') + dd")
            assert utc(seconds) in row.get_attribute("title")
        assert "Allow the pool to take 2.5 NMR" in shown
        assert "exactly 2.5 NMR" in shown
        dialog.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("dialog")).to_be_hidden()
        assert wallet.sent == []


def test_deposit__signed__exact_allowance_and_deposit_nothing_left_over(
    browser: Browser, crossing: Crossing
) -> None:
    before, waiting = crossing.on_child(), crossing.deposited(0)
    with crossing.visit(browser) as (page, wallet):
        dialog = ask_deposit(page, "2.5")
        sign(dialog)
        done(dialog)
        assert len(wallet.sent) == 2
        approve = crossing.at.chains.child_web3.eth.get_transaction(wallet.sent[0])
        _, amount = decode(["address", "uint256"], bytes(approve["input"])[4:])
        assert amount == nmr(2.5) * WEI_PER_UNIT
        expect(page.locator("main")).to_contain_text("+2.5 in round 2")
        expect(page.locator("main")).to_contain_text("deposited into the pool")
    assert crossing.deposited(0) == waiting + nmr(2.5)
    assert crossing.on_child() == before - nmr(2.5)
    assert crossing.pool_allowance() == 0


def test_release__part_and_then_all__what_it_pays_and_may_lose(
    browser: Browser, crossing: Crossing
) -> None:
    with crossing.visit(browser) as (page, _):
        stakes_are_there(page)
        page.locator("#stake-amount").fill("1")
        page.get_by_role("button", name="Release …").click()
        dialog = asked(page)
        expect(dialog).to_contain_text("It leaves the stake with round 2")
        expect(dialog).to_contain_text("1 NMR")
        expect(dialog).to_contain_text("0 NMR (0 %)")
        sign(dialog)
        done(dialog)
        expect(page.locator("main")).to_contain_text("−1 with round 2")
        page.get_by_label("release everything").check()
        page.get_by_role("button", name="Release …").click()
        dialog = asked(page)
        expect(dialog).to_contain_text("Release everything from model-0")
        sign(dialog)
        done(dialog)
        expect(page.locator("main")).to_contain_text("all released with round 2")


def test_claim__profits_taken__paid_to_the_payout_address(
    browser: Browser, crossing: Crossing
) -> None:
    due = crossing.at.world.reader.pool.functions.claimable_of(2).call() // WEI_PER_UNIT
    assert due > 0
    before = crossing.on_child()
    with crossing.visit(browser) as (page, _):
        page.get_by_label("Choose model-2").check()
        page.get_by_role("button", name=re.compile("^Claim")).click()
        dialog = asked(page)
        expect(dialog).to_contain_text("which is you")
        expect(dialog).to_contain_text(f"{text(due)} NMR")
        sign(dialog)
        done(dialog)
        expect(page.get_by_role("button", name=re.compile("^Claim"))).to_be_disabled()
    assert crossing.on_child() == before + due


def test_mode__turned__queued_for_the_open_round(browser: Browser, crossing: Crossing) -> None:
    with crossing.visit(browser) as (page, _):
        page.get_by_label("Choose model-2").check()
        page.get_by_role("button", name="Add gains to the stake …").click()
        dialog = asked(page)
        expect(dialog).to_contain_text("are added to the stake")
        sign(dialog)
        done(dialog)
        expect(page.locator("main")).to_contain_text("compound from round 2")


# ---------------------------------------------------------------------- what goes wrong


def test_signature__refused_in_the_wallet__nothing_sent_and_can_be_asked_again(
    browser: Browser, crossing: Crossing
) -> None:
    waiting = crossing.deposited(2)
    with crossing.visit(browser) as (page, wallet):
        page.get_by_label("Choose model-2").check()
        wallet.rejects.add("eth_sendTransaction")
        dialog = ask_deposit(page, "0.5")
        sign(dialog)
        expect(dialog).to_contain_text("You refused it in your wallet: nothing was sent")
        assert wallet.sent == []
        wallet.rejects.clear()
        sign(dialog)
        done(dialog)
    assert crossing.deposited(2) == waiting + nmr(0.5)


def test_chain__wallet_on_another_one__switch_offered_and_nothing_signed_before(
    browser: Browser, crossing: Crossing
) -> None:
    with crossing.visit(browser, crossing.wallet(on=1)) as (page, wallet):
        dialog = ask_deposit(page, "0.25")
        expect(dialog).to_contain_text(f"Your wallet is on Ethereum; this goes to {POLYGON}")
        expect(dialog.get_by_role("button", name=SIGN)).to_be_disabled()
        dialog.get_by_role("button", name=f"Switch to {POLYGON}").click()
        expect(dialog.get_by_role("button", name=SIGN)).to_be_enabled()
        assert wallet.on == 137
        sign(dialog)
        done(dialog)


def test_chain__unknown_to_the_wallet__is_offered_to_it(
    browser: Browser, crossing: Crossing
) -> None:
    wallet = crossing.wallet(on=1)
    wallet.known = {1}
    with crossing.visit(browser, wallet) as (page, _):
        dialog = ask_deposit(page, "0.25")
        dialog.get_by_role("button", name=f"Switch to {POLYGON}").click()
        expect(dialog.get_by_role("button", name=SIGN)).to_be_enabled()
        assert "wallet_addEthereumChain" in wallet.asked
        assert wallet.on == 137


def test_chain__turned_behind_the_pages_back__refused_before_it_is_sent(
    browser: Browser, crossing: Crossing
) -> None:
    with crossing.visit(browser) as (page, wallet):
        dialog = ask_deposit(page, "0.25")
        wallet.on = 1
        sign(dialog)
        expect(dialog).to_contain_text("Your wallet is on Ethereum, and this goes to Polygon")
        assert wallet.sent == []


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("1000", "which is less"),
        ("0.05", "the least that can be deposited is 0.1 NMR"),
        ("0.0000000001", "at most 9 decimals"),
        ("much", "no amount of NMR"),
    ],
    ids=["too-much", "too-little", "too-fine", "no-number"],
)
def test_amount__that_cannot_be__said_without_asking_the_wallet(
    browser: Browser, crossing: Crossing, amount: str, said: str
) -> None:
    with crossing.visit(browser) as (page, wallet):
        stakes_are_there(page)
        page.locator("#stake-amount").fill(amount)
        page.get_by_role("button", name="Deposit …").click()
        expect(page.locator("#stake-wrong")).to_contain_text(said, ignore_case=True)
        assert wallet.sent == []


def test_gas__account_without_coin__said_before_signing(
    browser: Browser, crossing: Crossing
) -> None:
    child = crossing.at.chains.child
    address = dev_account(10).address
    had = child.ask("eth_getBalance", address, "latest")
    child.ask("anvil_setBalance", address, "0x1000")
    try:
        with crossing.visit(browser) as (page, wallet):
            dialog = ask_deposit(page, "0.25")
            expect(dialog).to_contain_text("too little")
            expect(dialog).to_contain_text("for the gas")
            expect(dialog.get_by_role("button", name=SIGN)).to_be_disabled()
            assert wallet.sent == []
    finally:
        child.ask("anvil_setBalance", address, had)


def test_reason__somebody_was_faster__the_contracts_own_words(
    browser: Browser, crossing: Crossing
) -> None:
    """Round 2's releases become claimable; a stranger claims while the dialog is open."""
    world = crossing.at.world
    world.writer(world.owner(2)).request_release(2, None, 2)
    world.close(2)
    world.announce(window=3_000)
    with crossing.visit(browser) as (page, wallet):
        page.get_by_label("Choose model-2").check()
        page.get_by_role("button", name=re.compile("^Claim")).click()
        dialog = asked(page)
        world.writer(dev_account(STRANGER)).claim(2)
        sign(dialog)
        expect(dialog).to_contain_text("There is nothing to claim")
        expect(dialog).to_contain_text("pool: nothing to claim")
        assert wallet.sent == []

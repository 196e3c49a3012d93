"""NMR over the bridge by a browser's wallet, on two real chains with Polygon's own contracts."""

import re

import pytest
from playwright.sync_api import Browser, expect
from two_chains import NMR
from wallet_visits import Crossing, asked, crossing, done, nmr, sign, stakes_are_there
from wallet_world import STAKER

__all__ = ["crossing"]
pytestmark = [pytest.mark.slow, pytest.mark.chain]


def allow(crossing: Crossing, wei: int) -> None:
    """Something that the bridge may take already, left over from before."""
    chains = crossing.at.chains
    predicate = chains.record.root.erc20_predicate
    chains.done(chains.root_web3, chains.root_token.functions.approve(predicate, wei), STAKER)


def test_in__allowance_left_over__changed_exactly_locked_and_arrived(
    browser: Browser, crossing: Crossing
) -> None:
    """NMR refuses ``approve`` from one amount to another: ``changeApproval`` names the old one."""
    chains = crossing.at.chains
    allow(crossing, NMR)
    above, below = crossing.on_root(), crossing.on_child()
    with crossing.visit(browser, crossing.wallet(on=1)) as (page, wallet):
        stakes_are_there(page)
        page.locator("#bridge-amount").fill("3")
        page.get_by_role("button", name="Look at it …").click()
        dialog = asked(page)
        expect(dialog).to_contain_text("Change what Polygon's bridge may take to 3 NMR")
        expect(dialog).to_contain_text("changeApproval")
        expect(dialog).to_contain_text("20 to 30 minutes")
        sign(dialog)
        done(dialog)
        assert len(wallet.sent) == 2
        steps = page.get_by_role("region", name="Between Ethereum and Polygon")
        expect(steps.locator("li[aria-current]")).to_contain_text("Locked by the bridge")
        page.reload()
        expect(steps.locator("li[aria-current]")).to_contain_text("Locked by the bridge")
        chains.settle_syncs()
        expect(steps.get_by_text("Arrived, now")).to_be_visible(timeout=20_000)
        steps.get_by_role("button", name="Dismiss").click()
    assert crossing.on_root() == above - nmr(3)
    assert crossing.on_child() == below + nmr(3)
    token, owner = chains.root_token, crossing.at.staker.address
    assert token.functions.allowance(owner, chains.record.root.erc20_predicate).call() == 0


def test_out__burnt_reloaded_checkpointed__paid_by_a_proof_of_the_server(
    browser: Browser, crossing: Crossing
) -> None:
    chains = crossing.at.chains
    above, below = crossing.on_root(), crossing.on_child()
    with crossing.visit(browser) as (page, wallet):
        stakes_are_there(page)
        page.get_by_label("Direction").select_option("out")
        page.locator("#bridge-amount").fill("2")
        page.get_by_role("button", name="Look at it …").click()
        dialog = asked(page)
        expect(dialog).to_contain_text("then a second transaction, there")
        sign(dialog)
        done(dialog)
        steps = page.get_by_role("region", name="Between Ethereum and Polygon")
        expect(steps.locator("li[aria-current]")).to_contain_text("waits for a checkpoint")
        page.reload()
        expect(steps.locator("li[aria-current]")).to_contain_text("waits for a checkpoint")
        chains.checkpoint()
        steps.get_by_role("button", name="Have it paid out …").click(timeout=20_000)
        dialog = asked(page)
        expect(dialog).to_contain_text("Your wallet is on Polygon; this goes to Ethereum")
        dialog.get_by_role("button", name="Switch to Ethereum").click()
        sign(dialog)
        done(dialog)
        expect(steps.get_by_text("Paid, now")).to_be_visible(timeout=20_000)
        assert len(wallet.sent) == 2
    assert crossing.on_child() == below - nmr(2)
    assert crossing.on_root() == above + nmr(2)


def test_out__begun_elsewhere__found_in_the_history_and_followed(
    browser: Browser, crossing: Crossing
) -> None:
    crossing.at.chains.withdraw(STAKER, NMR)
    with crossing.visit(browser) as (page, _):
        moved = page.get_by_role("region", name="What moved")
        moved.get_by_role("button", name="Follow it").first.click()
        steps = page.get_by_role("region", name="Between Ethereum and Polygon")
        expect(steps).to_contain_text("1 NMR to Ethereum")


@pytest.mark.parametrize(("amount", "said"), [("999", "which is less"), ("0", "above zero")])
def test_amount__that_cannot_be__said_without_asking_the_wallet(
    browser: Browser, crossing: Crossing, amount: str, said: str
) -> None:
    with crossing.visit(browser) as (page, wallet):
        stakes_are_there(page)
        page.locator("#bridge-amount").fill(amount)
        page.get_by_role("button", name="Look at it …").click()
        expect(page.get_by_role("alert").filter(has_text=re.compile(said))).to_be_visible()
        assert wallet.sent == []

"""Where a model pays to, changed by its owner; and out of a pool that has ended. In order: the pool
ends in the last."""

import pytest
from playwright.sync_api import Browser, expect
from wallet_visits import (
    STRANGER,
    Crossing,
    asked,
    crossing,
    done,
    nmr,
    sign,
    stakes_are_there,
)

from oracle.chain.keys import dev_account
from oracle.settlement.units import WEI_PER_UNIT
from oracle.settlement.units import nmr as text

__all__ = ["crossing"]
pytestmark = [pytest.mark.slow, pytest.mark.chain]
OTHER = dev_account(STRANGER).address


def test_payout_address__that_is_none__said_without_asking_the_wallet(
    browser: Browser, crossing: Crossing
) -> None:
    with crossing.visit(browser) as (page, wallet):
        page.locator("summary", has_text="Pays to").click()
        page.locator("#payout").fill(OTHER.swapcase().replace("0X", "0x"))
        page.get_by_role("button", name="Change …").click()
        expect(page.locator("#stake-wrong")).to_contain_text("no address")
        assert "eth_sendTransaction" not in wallet.asked


def test_payout_address__of_the_pool__refused_by_the_contract_before_it_is_sent(
    browser: Browser, crossing: Crossing
) -> None:
    with crossing.visit(browser) as (page, wallet):
        page.locator("summary", has_text="Pays to").click()
        page.locator("#payout").fill(crossing.at.world.reader.addresses.pool)
        page.get_by_role("button", name="Change …").click()
        expect(page.get_by_role("dialog")).to_contain_text("cannot be paid", timeout=30_000)
        assert wallet.sent == []


def test_payout_address__changed__in_force_after_48_hours(
    browser: Browser, crossing: Crossing
) -> None:
    registry = crossing.at.world.reader.registry
    with crossing.visit(browser) as (page, _):
        page.locator("summary", has_text="Pays to").click()
        page.locator("#payout").fill(OTHER)
        page.get_by_role("button", name="Change …").click()
        dialog = asked(page)
        expect(dialog).to_contain_text("From 48 hours on")
        expect(dialog).to_contain_text(OTHER)
        sign(dialog)
        done(dialog)
        expect(page.locator("summary", has_text="Pays to")).to_contain_text(OTHER[:8])
    payout, at = registry.functions.payout_change_of(0).call()
    assert payout == OTHER
    assert at > crossing.at.world.now
    assert registry.functions.payout_of(0).call() == crossing.at.staker.address


def test_pool__has_ended__everything_is_taken_out_by_its_owner(
    browser: Browser, crossing: Crossing
) -> None:
    world, pool = crossing.at.world, crossing.at.world.reader.pool
    world.stake(2, 1.5)
    since = world.reader.state()["head_since"]
    world.chain.advance_to(since + world.reader.clocks.wind_down_after)
    world.writer(dev_account(STRANGER)).wind_down()
    world.chain.finalize()
    claimable = pool.functions.claimable_of(2).call() // WEI_PER_UNIT
    before = world.reader.pool_at(world.reader.newest().number)
    staked, held = before.lane(2).stake, crossing.on_child()
    due = staked + claimable + nmr(1.5)
    with crossing.visit(browser) as (page, _):
        stakes_are_there(page)
        page.get_by_label("Choose model-2").check()
        expect(page.locator("#stake-amount")).to_have_count(0)
        page.get_by_role("button", name="Take everything out …").click()
        dialog = asked(page)
        for amount in (staked, claimable, nmr(1.5), due):
            expect(dialog).to_contain_text(f"{text(amount)} NMR")
        sign(dialog)
        done(dialog)
        page.get_by_role("button", name="Take everything out …").click()
        expect(page.locator("#stake-wrong")).to_contain_text("nothing in the pool")
    assert crossing.on_child() == held + due


def test_overview__of_a_pool_that_has_ended__says_so(browser: Browser, crossing: Crossing) -> None:
    tournament = crossing.at.world.reader.addresses.tournament
    with crossing.look(browser, f"/{tournament}") as visit:
        expect(visit.page.locator("main")).to_contain_text("pool has ended", timeout=60_000)

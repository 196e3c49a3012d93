"""The wallet page when something stops in the middle: a reload, a chain, the server."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from served_pages import APP
from wallet_visits import (
    Crossing,
    ask_deposit,
    asked,
    crossing,
    done,
    nmr,
    sign,
    stakes_are_there,
)

__all__ = ["crossing"]
pytestmark = [pytest.mark.slow, pytest.mark.chain]


def test_reload__between_approval_and_deposit__found_again_and_gone_on_with(
    browser: Browser, crossing: Crossing
) -> None:
    child, waiting = crossing.at.chains.child, crossing.deposited(0)
    with crossing.visit(browser) as (page, wallet):
        dialog = ask_deposit(page, "1.5")
        child.ask("evm_setAutomine", False)
        try:
            sign(dialog)
            expect(dialog).to_contain_text("waits for its block")
            page.reload()
            sent = page.get_by_role("region", name="Sent from here")
            expect(sent).to_contain_text("Allow the pool to take 1.5 NMR")
            expect(sent).to_contain_text("waits for its block")
            assert len(wallet.sent) == 1
        finally:
            child.ask("evm_setAutomine", True)
        child.mine(1)
        expect(sent).to_contain_text("in a block")
        sent.get_by_role("button", name="Go on: deposit 1.5 NMR …").click()
        dialog = asked(page)
        expect(dialog.get_by_role("button", name="Sign in my wallet")).to_be_enabled()
        sign(dialog)
        done(dialog)
        assert len(wallet.sent) == 2
        expect(page.get_by_role("button", name=re.compile("^Go on"))).to_be_hidden()
    assert crossing.deposited(0) == waiting + nmr(1.5)
    assert crossing.pool_allowance() == 0


def test_chain__falls_silent__said_and_found_again_without_a_reload(
    browser: Browser, crossing: Crossing
) -> None:
    child = crossing.at.chains.child
    with crossing.visit(browser) as (page, wallet):
        stakes_are_there(page)
        with child.silent():
            page.locator("#stake-amount").fill("1")
            page.get_by_role("button", name="Deposit …").click()
            dialog = page.get_by_role("dialog")
            expect(dialog).to_contain_text("The chain's endpoint does not answer", timeout=40_000)
            assert wallet.sent == []
            dialog.get_by_role("button", name="Cancel").click()
            expect(page.locator("main")).to_contain_text("as of the last answer", timeout=40_000)
            stakes_are_there(page)
        expect(page.locator("main")).not_to_contain_text("as of the last answer", timeout=60_000)


def test_chain__does_not_answer_the_server__pages_say_so_and_keep_what_was(
    browser: Browser, crossing: Crossing
) -> None:
    tournament = crossing.at.world.reader.addresses.tournament
    with crossing.look(browser, f"/{tournament}") as visit:
        page = visit.page
        expect(page.locator("dl.keys")).to_contain_text("Staked")
        with crossing.at.chains.child.silent():
            expect(page.locator("header")).to_contain_text("chain does not answer", timeout=90_000)
            for name in ("Leaderboard", "Rounds", "Operators"):
                page.get_by_label("Pages").get_by_role("link", name=name).click()
                expect(page.locator("main table").first).to_be_visible()
        expect(page.locator("header")).not_to_contain_text("chain does not answer", timeout=90_000)


def test_chain__the_other_one_down__balances_and_stakes_of_this_one_go_on(
    browser: Browser, crossing: Crossing
) -> None:
    with (
        crossing.at.chains.root.silent(),
        crossing.visit(browser) as (page, _),
    ):
        expect(page.locator("main")).to_contain_text("its endpoint does not answer", timeout=60_000)
        stakes_are_there(page)


def test_server__goes_down__stakes_are_read_from_the_chain_all_the_same(
    browser: Browser, crossing: Crossing
) -> None:
    at, home = crossing.at, crossing.at.home
    at.home = home / "second"
    at.home.mkdir()
    waiting = crossing.deposited(0)
    try:
        with (
            at.stoppable(Path(APP)) as (second, stop),
            crossing.visit(browser, url=second.config.url) as (page, _),
        ):
            stakes_are_there(page)
            stop()
            expect(page.locator("main")).to_contain_text(
                "The server does not list your models", timeout=30_000
            )
            dialog = ask_deposit(page, "0.75")
            sign(dialog)
            done(dialog)
    finally:
        at.home = home
    assert crossing.deposited(0) == waiting + nmr(0.75)


def test_reload__round_closed_before_the_block__shown_as_refused_with_the_reason(
    browser: Browser, crossing: Crossing
) -> None:
    child, world = crossing.at.chains.child, crossing.at.world
    number = world.reader.target()
    held = crossing.on_child()
    world.writer(crossing.at.staker).approve(nmr(1))
    with crossing.visit(browser) as (page, wallet):
        dialog = ask_deposit(page, "1")
        child.ask("evm_setAutomine", False)
        try:
            sign(dialog)
            expect(dialog).to_contain_text("waits for its block")
            page.reload()
            sent = page.get_by_role("region", name="Sent from here")
            expect(sent).to_contain_text("waits for its block")
            child.ask("evm_setNextBlockTimestamp", world.announced(number).closes + 1)
        finally:
            child.ask("evm_setAutomine", True)
        child.mine(1)
        expect(sent).to_contain_text("refused by the chain")
        expect(sent).to_contain_text("the round closed while you were signing")
        expect(sent).to_contain_text("pool: round passed")
        assert len(wallet.sent) == 1
    assert crossing.on_child() == held

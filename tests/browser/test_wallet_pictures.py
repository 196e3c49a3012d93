"""The wallet and verify pages in each width and theme: nothing scrolls sideways, and anybody can
read them. Screenshots go to ``.screenshots``, to be looked at."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect
from served_pages import DESKTOP, PHONE, ROOT
from wallet_visits import Crossing, ask_deposit, asked, crossing, done, sign, stakes_are_there

__all__ = ["crossing"]
pytestmark = [pytest.mark.slow, pytest.mark.chain]
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
PICTURES = ROOT / ".screenshots"


def stakes(page: Page) -> None:
    stakes_are_there(page)
    moved = page.get_by_role("region", name="What moved")
    expect(moved).to_contain_text("over the bridge")
    expect(moved).to_contain_text("fee for a model, burned")


def deposit(page: Page) -> None:
    ask_deposit(page, "2.5")


def refusal(page: Page) -> None:
    """The pool takes no more from an owner than he has: said where it was asked for."""
    stakes_are_there(page)
    page.locator("#stake-amount").fill("100000")
    page.get_by_role("button", name="Deposit …").click()
    expect(page.locator("#stake-wrong")).not_to_be_empty()


def crossing_over(page: Page) -> None:
    stakes_are_there(page)
    page.get_by_label("Direction").select_option("out")
    page.locator("#bridge-amount").fill("0.5")
    page.get_by_role("button", name="Look at it …").click()
    dialog = asked(page)
    sign(dialog)
    done(dialog)
    steps = page.get_by_role("region", name="Between Ethereum and Polygon")
    expect(steps.locator("li[aria-current]")).to_contain_text("checkpoint")


def permit(page: Page) -> None:
    page.get_by_role("button", name="Deposits and releases …").click()
    asked_for = page.get_by_role("group", name="Let this server deposit and release")
    expect(asked_for).to_contain_text("up to 10 NMR")


def nobody(page: Page) -> None:
    page.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_role("button", name="Connect Test wallet")).to_be_visible()


def verified(page: Page) -> None:
    expect(page.locator(".verdict .notice")).to_be_visible(timeout=30_000)


SCENES: dict[str, Callable[[Page], None]] = {
    "wallet-nobody": nobody,
    "wallet-stakes": stakes,
    "wallet-deposit": deposit,
    "wallet-refusal": refusal,
    "wallet-bridge": crossing_over,
    "wallet-permit": permit,
}


def readable(page: Page, name: str, width: str, theme: str) -> None:
    PICTURES.mkdir(exist_ok=True)
    whole = name != "wallet-deposit"
    page.screenshot(path=PICTURES / f"{name}-{width}-{theme}.png", full_page=whole)
    overflow = page.evaluate(
        "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert overflow <= 0, "the page scrolls sideways"
    page.evaluate(AXE.read_text())
    found = page.evaluate("async () => (await axe.run(document)).violations")
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", ["desktop", "phone"])
@pytest.mark.parametrize("name", list(SCENES))
def test_wallet__in_each_width_and_theme__can_be_read_by_anybody(
    browser: Browser, crossing: Crossing, name: str, width: str, theme: str
) -> None:
    viewport = PHONE if width == "phone" else DESKTOP
    with crossing.visit(browser, viewport=viewport, theme=theme) as (page, _):
        SCENES[name](page)
        readable(page, name, width, theme)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", ["desktop", "phone"])
@pytest.mark.parametrize("name", ["verify", "verify-empty"])
def test_verify__in_each_width_and_theme__can_be_read_by_anybody(
    browser: Browser, crossing: Crossing, name: str, width: str, theme: str
) -> None:
    viewport = PHONE if width == "phone" else DESKTOP
    path = "/verify" if name == "verify-empty" else f"/verify/{crossing.model_id(1)}/1"
    with crossing.look(browser, path, viewport=viewport, theme=theme) as visit:
        if name == "verify":
            verified(visit.page)
        readable(visit.page, name, width, theme)


def test_dialog__by_keyboard_alone__opened_left_and_the_focus_comes_back(
    browser: Browser, crossing: Crossing
) -> None:
    with crossing.visit(browser) as (page, wallet):
        stakes_are_there(page)
        page.locator("#stake-amount").focus()
        page.keyboard.type("1")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        dialog = asked(page)
        assert dialog.evaluate("element => element.contains(document.activeElement)")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
        expect(page.get_by_role("button", name="Deposit …")).to_be_focused()
        assert wallet.sent == []


def test_name__that_is_markup__is_text(browser: Browser, crossing: Crossing) -> None:
    """Another staker's model; its name is said to the server first."""
    services = crossing.server.services
    services.models.say("<img src=x onerror=alert(1)>")
    dialogs: list[str] = []
    with crossing.look(browser, f"/verify/{crossing.model_id(1)}/1") as visit:
        visit.page.on("dialog", lambda one: (dialogs.append(one.message), one.dismiss()))
        visit.page.reload()
        expect(visit.page.locator("#what")).to_contain_text("<img src=x onerror=alert(1)>")
        verified(visit.page)
    assert dialogs == []

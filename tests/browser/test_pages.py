"""Every page of the app in Chromium: what it shows is what the API says, anybody can read it, and
nothing a model is called does anything. Screenshots go to ``.screenshots``, to be looked at."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, Page
from served_pages import APP, DESKTOP, PHONE, ROOT, Visit, visiting
from shown_history import EIGHT, MARKUP, Shown

from oracle.gateway.forms import units_of
from oracle.settlement.payout import Template, begin, change
from oracle.settlement.units import MILLIONTH, RATE_ONE, UNITS_PER_NMR, nmr
from oracle.settlement.words import ScoreLane

AXE = (ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js").read_text
PICTURES = ROOT / ".screenshots"
PATHS = {
    "overview": "/8",
    "leaderboard": "/8/leaderboard",
    "rounds": "/8/rounds",
    "round-settled": "/8/rounds/{settled}",
    "round-committed": "/8/rounds/{committed}",
    "round-open": "/8/rounds/{open}",
    "model": "/models/{model}",
    "model-markup": "/models/{markup}",
    "diagnostics": "/models/{model}/diagnostics",
    "operators": "/8/operators",
    "docs": "/docs/scoring",
    "missing": "/nowhere",
}


def path_of(name: str, shown: Shown) -> str:
    return PATHS[name].format(
        settled=shown.settled[-1],
        committed=shown.committed,
        open=shown.open,
        model=shown.model(0).uuid,
        markup=shown.model(5).uuid,
    )


def read(visit: Visit, path: str) -> Page:
    """The page once all it asks for is there."""
    page = visit.to(path, ready="main h1")
    page.wait_for_load_state("load")
    visit.settled()
    page.wait_for_timeout(400)
    return page


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", ["desktop", "phone"])
@pytest.mark.parametrize("name", list(PATHS))
def test_page__in_each_width_and_theme__can_be_read_by_anybody(
    browser: Browser, shown: Shown, name: str, width: str, theme: str
) -> None:
    viewport = PHONE if width == "phone" else DESKTOP
    with visiting(browser, shown.url, viewport=viewport, theme=theme) as visit:
        page = read(visit, path_of(name, shown))
        PICTURES.mkdir(exist_ok=True)
        page.screenshot(path=PICTURES / f"{name}-{width}-{theme}.png", full_page=True)
        overflow = page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert overflow <= 0, "the page scrolls sideways"
        page.evaluate(AXE())
        found = page.evaluate("async () => (await axe.run(document)).violations")
        assert [
            (one["id"], one["nodes"][0]["html"][:200], one["nodes"][0]["failureSummary"])
            for one in found
        ] == []


@pytest.fixture
def visit(browser: Browser, shown: Shown) -> Iterator[Visit]:
    with visiting(browser, shown.url) as made:
        yield made


def asked(shown: Shown, path: str, **params: Any) -> Any:
    answer = httpx.get(f"{shown.url}/v1{path}", params=params, timeout=30)
    return answer.raise_for_status().json()


def numbers(page: Page, label: str) -> list[list[float | None]]:
    """What a chart draws: x, then its lines."""
    data: list[list[float | None]] = page.locator(f"[role=img][aria-label^='{label}']").evaluate(
        "element => element.plot.data.map(values => Array.from(values))"
    )
    return data


def test_charts__of_a_model__draw_what_the_api_says(visit: Visit, shown: Shown) -> None:
    model = shown.model(0)
    page = read(visit, f"/models/{model.uuid}")
    payouts = sorted(
        asked(shown, f"/models/{model.uuid}/payouts")["items"], key=lambda one: one["round"]
    )
    scores = sorted(
        (
            one
            for one in asked(shown, f"/models/{model.uuid}/scores")["items"]
            if one["name"] == "corr"
        ),
        key=lambda one: one["round"],
    )
    bands = asked(shown, f"/tournaments/{EIGHT}/bands", name="corr")
    drawn = numbers(page, "Payouts and burns")
    assert drawn == [
        [one["round"] for one in payouts],
        [float(one["payout"]) for one in payouts],
    ]
    stake = asked(shown, f"/models/{model.uuid}/stake")["stake"]
    assert numbers(page, "Stake over time")[1] == [
        *(float(one["stake"]) for one in payouts),
        float(stake),
    ]
    page.wait_for_function(
        "() => document.querySelector('[aria-label^=CORR]').plot.data[1].some(v => v !== null)"
    )
    spread = numbers(page, "CORR by round")
    assert spread[0] == [one["round"] for one in scores]
    shares = ("p90", "p10", "p75", "p25")
    assert spread[1:5] == [[band[share] for band in bands] for share in shares]
    assert spread[5] == [one["value"] for one in scores]
    assert spread[6] == [band["p50"] for band in bands]


def test_names__made_of_markup__are_text_and_nothing_else(visit: Visit, shown: Shown) -> None:
    for path in ("/8", "/8/leaderboard", f"/8/rounds/{shown.settled[0]}"):
        page = read(visit, path)
        assert page.get_by_text(MARKUP, exact=True).count() == 1, path
        assert page.locator("main img").count() == 0
        assert page.title() != "taken"
    page = read(visit, f"/models/{shown.model(5).uuid}")
    assert page.locator("h1").inner_text() == MARKUP
    assert page.title().startswith(MARKUP)
    page = read(visit, f"/8/leaderboard?search={quote(MARKUP)}")
    assert page.get_by_text(MARKUP, exact=True).count() == 1
    page = read(visit, f"/8/leaderboard?search={quote('<b>none</b>')}")
    assert "“<b>none</b>”" in page.locator("main").inner_text()


def test_leaderboard__sorted_and_searched__shows_the_servers_order(
    visit: Visit, shown: Shown
) -> None:
    page = read(visit, "/8/leaderboard")
    rows = page.locator("tbody tr:not([aria-hidden]) td:nth-child(2)")
    assert rows.all_inner_texts() == [
        one["name"] for one in asked(shown, f"/tournaments/{EIGHT}/leaderboard")["items"]
    ]
    page.get_by_role("button", name="Stake, NMR").click()
    page.wait_for_url("**/leaderboard?sort=stake")
    by_stake = asked(shown, f"/tournaments/{EIGHT}/leaderboard", sort="stake")["items"]
    page.wait_for_function(
        "name => document.querySelector('tbody td:nth-child(2)').textContent === name",
        arg=by_stake[0]["name"],
    )
    assert rows.all_inner_texts() == [one["name"] for one in by_stake]
    page.get_by_label("Find a model").fill("pendul")
    page.wait_for_function("() => document.querySelectorAll('tbody tr').length === 1")
    assert rows.all_inner_texts() == ["pendulum"]


def test_leaderboard__on_a_phone__shows_what_its_order_goes_by(
    browser: Browser, shown: Shown
) -> None:
    with visiting(browser, shown.url, viewport=PHONE) as visit:
        for sort, label in (("", "Score"), ("?sort=stake", "Stake, NMR"), ("?sort=corr", "CORR")):
            page = read(visit, f"/8/leaderboard{sort}")
            heads = page.locator("th").filter(visible=True).all_inner_texts()
            assert [head.strip(" ↑↓\n") for head in heads] == ["Rank", "Model", label]
            cells = page.locator("tbody tr:not([aria-hidden])").first.locator("td")
            assert cells.filter(visible=True).count() == 3


def test_round__settled__has_every_model_with_the_apis_numbers(visit: Visit, shown: Shown) -> None:
    number = shown.settled[2]
    page = read(visit, f"/8/rounds/{number}")
    page.wait_for_selector("td a[href*=verify]")
    board = asked(
        shown, f"/tournaments/{EIGHT}/rounds/{number}/models", sort="payout", order="desc"
    )["items"]
    links = page.locator("a[href*='/verify/']").evaluate_all("all => all.map(a => a.pathname)")
    assert [path for path in links if path.count("/") == 4] == [
        f"/app/verify/{one['id']}/{number}" for one in board
    ]
    titles = page.locator("td .figures[title$=NMR]").evaluate_all("all => all.map(e => e.title)")
    for one in board:
        assert f"{one['payout']} NMR" in titles, "the exact amount is in the title"


def test_what_if__at_a_models_own_stake_and_scores__says_what_the_rule_gives(
    visit: Visit, shown: Shown
) -> None:
    page = read(visit, f"/models/{shown.model(8).uuid}")
    rule = asked(shown, f"/tournaments/{EIGHT}/rounds/{shown.open}")
    page.get_by_label("Stake, NMR", exact=True).fill("100")
    for one, value in zip(rule["pays_on"], ("0.02", "-0.01"), strict=True):
        slider = page.locator(f"#if-{one['name']}")
        slider.evaluate(
            "(e, v) => { e.value = v; e.dispatchEvent(new Event('input', {bubbles: true})); }",
            value,
        )
    template = Template(
        kinds=(1, 2, 0),
        multipliers=(*(round(o["multiplier"] * MILLIONTH) for o in rule["pays_on"]), 0),
        clip_up=round(rule["clip_up"] * RATE_ONE),
        clip_down=round(rule["clip_down"] * RATE_ONE),
        threshold=units_of(rule["threshold"]) or 0,
        kappa=round(rule["kappa"] * MILLIONTH),
    )
    risk = units_of(asked(shown, f"/tournaments/{EIGHT}/overview")["staked"]) or 0
    by = begin(template, round(rule["phi"] * MILLIONTH), risk, risk, 2**55)
    expected = change(by, 100 * UNITS_PER_NMR, ScoreLane((20_000, -10_000, 0), 0))
    assert expected != 0
    exact = page.locator(".result .figures").first.get_attribute("title")
    assert exact == f"{nmr(expected)} NMR"
    page.get_by_label("Stake, NMR", exact=True).fill("lots")
    assert "no amount of NMR" in page.locator(".result").inner_text()


def test_app__by_keyboard_alone__goes_to_a_page_and_back(visit: Visit) -> None:
    page = read(visit, "/8")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.textContent") == "Skip to content"
    page.get_by_role("link", name="Operators").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:text('Operators')")
    assert page.evaluate("() => document.activeElement.id") == "main"
    page.go_back()
    page.wait_for_selector("h1:text('Round')")


def test_theme__chosen_by_hand__outlives_a_reload(visit: Visit) -> None:
    page = read(visit, "/8")
    ground = "() => getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    for _ in range(2):
        page.get_by_role("button", name="Theme:").click()
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    page.wait_for_selector("main h1")
    assert page.evaluate(ground) == dark


def test_scripts__all_together__are_within_their_budget() -> None:
    packed = [path.with_name(path.name + ".gz") for path in APP.rglob("*.js")]
    assert len(packed) > 10
    assert sum(path.stat().st_size for path in packed) < 350_000


def test_page__without_its_server__says_so_and_keeps_what_it_has(
    visit: Visit, shown: Shown
) -> None:
    page = read(visit, "/8")
    page.context.set_offline(True)
    page.get_by_role("link", name="All rounds").focus()
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_selector("header .tag.bad", timeout=60_000)
    assert "server does not answer" in page.locator("header").inner_text()
    assert page.locator("dl.keys").count() == 1, "what was there stays"
    visit.complaints.clear()
    page.context.set_offline(False)
    page.wait_for_selector("header .tag.bad", state="detached", timeout=60_000)

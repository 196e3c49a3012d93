"""Payouts worked out again in the browser, against the chain; what is flipped is shown as wrong."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from served_pages import visiting
from wallet_visits import Crossing, crossing

from oracle.settlement.units import nmr as text

__all__ = ["crossing"]
pytestmark = [pytest.mark.slow, pytest.mark.chain]
EVIDENCE = "**/v1/models/*/rounds/1/evidence"
STEPS = ["contracts", "result", "signatures", "path", "scores", "rule", "payout", "stakes"]
Change = Callable[[dict[str, Any]], None]


def verdicts(page: Page) -> dict[str, str]:
    """By step, once all are there."""
    expect(page.locator(".verdict .notice")).to_be_visible(timeout=30_000)
    return {step: page.locator(f"#{step} .head .tag").inner_text() for step in STEPS}


@pytest.mark.parametrize("model", [0, 1, 2], ids=["gains", "burns", "takes-profit"])
def test_payout__of_every_kind__each_step_is_right(
    browser: Browser, crossing: Crossing, model: int
) -> None:
    with crossing.look(browser, f"/verify/{crossing.model_id(model)}/1") as visit:
        assert set(verdicts(visit.page).values()) == {"right"}
        expect(visit.page.locator(".verdict")).to_contain_text("Everything checked is right")
        payout = crossing.settlement(model).change
        expect(visit.page.locator("#payout")).to_contain_text(f"{text(payout)} NMR")
        expect(visit.page.locator("#signatures")).to_contain_text("3 of the 4 operators")


def test_chain__asked_through_the_visitors_wallet__the_same(
    browser: Browser, crossing: Crossing
) -> None:
    wallet = crossing.wallet()
    with visiting(browser, crossing.url, prepare=wallet.install) as visit:
        page = visit.to(f"/verify/{crossing.model_id(0)}/1")
        verdicts(page)
        assert "eth_call" not in wallet.asked
        page.get_by_label("Ask the chain through").select_option("wallet")
        expect(page.locator(".verdict .notice")).to_be_hidden()
        assert set(verdicts(page).values()) == {"right"}
        assert "eth_call" in wallet.asked
        assert "eth_sendTransaction" not in wallet.asked


def _set(*path: str | int, value: Any) -> Change:
    def change(body: dict[str, Any]) -> None:
        inner: Any = body
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = value(inner[path[-1]]) if callable(value) else value

    return change


def _flip(text: str) -> str:
    """Another last digit."""
    return text[:-1] + ("1" if text[-1] == "0" else "0")


FLIPPED: dict[str, tuple[Change, str]] = {
    "pool": (_set("commit", "pool", value="0x" + "66" * 20), "contracts"),
    "manifest": (_set("commit", "manifest", value=_flip), "result"),
    "close-block": (_set("commit", "close_block_hash", value=_flip), "signatures"),
    "chain-head": (_set("commit", "chain_head", value=_flip), "result"),
    "at-risk": (_set("commit", "at_risk", value=lambda n: n + 1), "result"),
    "words": (_set("commit", "words", value=lambda n: n + 1), "result"),
    "epoch": (_set("commit", "epoch", value=lambda n: n + 1), "result"),
    "batch": (_set("path", "words", 0, value=_flip), "path"),
    "following": (_set("path", "following", value=_flip), "path"),
    "word": (_set("word", value=_flip), "path"),
    "score": (_set("scores", 0, value=lambda n: n + 1), "scores"),
    "level": (_set("level", value=lambda n: n + 1), "scores"),
    "factor": (_set("coefficients", "c", 1, value=lambda n: n + 1), "rule"),
    "clip": (_set("coefficients", "down", value=lambda n: n + 1), "rule"),
    "scale": (_set("coefficients", "scale", value=lambda n: n - 1), "rule"),
    "payout": (_set("payout", value=lambda t: t + "1"), "payout"),
    "stake": (_set("stake", value="5.000000001"), "stakes"),
}
"""What a server may show wrong, and the step that says so."""


@pytest.mark.parametrize("name", FLIPPED)
def test_server_that_lies__any_value__shown_as_wrong(
    browser: Browser, crossing: Crossing, name: str
) -> None:
    change, step = FLIPPED[name]

    def lie(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        change(body)
        route.fulfill(response=answer, body=json.dumps(body))

    with visiting(browser, crossing.url) as visit:
        visit.page.route(EVIDENCE, lie)
        page = visit.to(f"/verify/{crossing.model_id(1)}/1")
        found = verdicts(page)
        assert found[step] == "wrong", found
        expect(page.locator(".verdict")).to_contain_text("Something is wrong")


def test_endpoint__is_of_another_chain__said_and_nothing_is_right(
    browser: Browser, crossing: Crossing
) -> None:
    """The server names the other chain's endpoint for this one."""

    def lie(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        body["child"]["rpc"] = [crossing.at.chains.root.url]
        route.fulfill(response=answer, body=json.dumps(body))

    with visiting(browser, crossing.url) as visit:
        visit.page.route("**/v1/tournaments/8/networks", lie)
        page = visit.to(f"/verify/{crossing.model_id(1)}/1")
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("the endpoint serves Ethereum, not Polygon", ignore_case=True)
        expect(page.locator(".checks li")).to_have_count(0)


def test_round__not_settled__nothing_to_check_is_said(browser: Browser, crossing: Crossing) -> None:
    with crossing.look(browser, f"/verify/{crossing.model_id(1)}/2") as visit:
        expect(visit.page.get_by_role("alert")).to_contain_text(
            "round 2 has no committed result", ignore_case=True
        )

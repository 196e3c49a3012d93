"""The leaderboard of 5,000 models: few rows in the page, pages from the server as one scrolls."""

import time
from uuid import UUID

import httpx
import pytest
from eth_utils import keccak
from playwright.sync_api import Browser, Request
from served_pages import visiting, wait_until
from sqlalchemy import insert

from oracle.gateway.run import Server
from oracle.records.schema import chain, life

EIGHT, MANY = 8, 5_000
FIRST = 1_000
"""Numbers of models from here on are none of the chain's."""


@pytest.fixture(scope="module")
def many(history_app: Server) -> Server:
    """A board with 5,000 more models, put into the tables behind the server's back."""
    services = history_app.services

    def board() -> int:
        found = history_app.services.database.read(lambda c: c.execute(life.leaders.select()).all())
        return len(found)

    wait_until(lambda: board() > 0, "the first board has been made")
    before = board()
    numbers = range(FIRST, FIRST + MANY)
    names = {model: f"model of many {model}" for model in numbers}
    rows = {
        chain.names: [{"name_hash": keccak(text=name), "name": name} for name in names.values()],
        chain.models: [
            {
                "tournament": EIGHT,
                "model": model,
                "uuid": str(UUID(int=model)),
                "owner": "0x" + "11" * 20,
                "payout": "0x" + "11" * 20,
                "name_hash": keccak(text=name),
                "registered_at": 1,
            }
            for model, name in names.items()
        ],
        life.leaders: [
            {
                "tournament": EIGHT,
                "model": model,
                "rank": before + 1 + place,
                "stake": 10**9,
                "score": 10**8 - place,
            }
            for place, model in enumerate(numbers)
        ],
        life.leader_scores: [
            {
                "tournament": EIGHT,
                "model": model,
                "name": "corr",
                "value": 10**7 - place,
                "rank": 1 + place,
            }
            for place, model in enumerate(numbers)
        ],
    }
    for table, values in rows.items():
        services.database.run(lambda c, t=table, v=values: c.execute(insert(t), v))
    return history_app


def test_leaderboard__of_5000_models__keeps_few_rows_and_reaches_the_last(
    browser: Browser, many: Server
) -> None:
    limits: list[str] = []

    def note(request: Request) -> None:
        if "/leaderboard?" in request.url and "/v1/" in request.url:
            limits.append(request.url)

    with visiting(browser, many.config.url) as visit:
        page = visit.page
        page.on("request", note)
        protocol = page.context.new_cdp_session(page)
        protocol.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.goto(f"{many.config.url}/app/8/leaderboard")
        page.wait_for_selector("tbody td:nth-child(2) a")
        took = page.evaluate("() => performance.now()")
        metrics = protocol.send("Performance.getMetrics")["metrics"]
        busy = next(one["value"] for one in metrics if one["name"] == "TaskDuration")
        assert len(limits) <= 2, "one page from the server, perhaps the next one ahead"
        last = f"model of many {FIRST + MANY - 1}"
        for _ in range(400):
            assert page.locator("tbody tr").count() < 100
            if page.get_by_text(last, exact=True).count():
                break
            page.evaluate("() => scrollTo(0, document.documentElement.scrollHeight)")
            page.wait_for_timeout(60)
        assert page.get_by_text(last, exact=True).count() == 1
        assert len(limits) >= MANY // 200
        page.evaluate("() => scrollTo(0, 0)")
        page.wait_for_selector("tbody tr[aria-rowindex='2']")
    before = time.process_time()
    for _ in range(10):
        httpx.get(limits[0]).raise_for_status()
    served = (time.process_time() - before) / 10
    print(
        f"\n5,000 models: first rows after {took:.0f} ms, of which the page computed "
        f"{1000 * busy:.0f} ms; a page of the list costs server and client {1000 * served:.0f} ms "
        f"of computing; {len(limits)} in all"
    )

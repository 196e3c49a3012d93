"""The diagnostics page: for the model's owner alone, signed in by a wallet; its charts and tables
are what the examination found."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from examined_data import ExaminedData, examined_data
from playwright.sync_api import Browser, Page, expect
from served_pages import DESKTOP, PHONE, served_app, visiting, wait_until
from server_operators import Operators, token
from server_world import ServerWorld, server_world
from test_pages import AXE, PICTURES
from wallet_world import BrowserWallet, connect

from oracle.gateway.run import Server

EIGHT = 8


@dataclass
class Examined:
    """One file of model 0 that was examined, and one that could not be."""

    world: ServerWorld
    server: Server
    data: ExaminedData
    id: str

    @property
    def path(self) -> str:
        return f"/models/{self.id}/diagnostics"

    def wallet(self, model: int = 0) -> BrowserWallet:
        return BrowserWallet(self.world.owner(model), {}, self.world.reader.addresses.chain_id)


@pytest.fixture(scope="module")
def examined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Examined]:
    root = tmp_path_factory.mktemp("diagnosed")
    data = examined_data(root)
    with server_world(root) as world:
        world.register("mine")
        world.register("another's")
        world.chain.finalize()
        home = root / "app"
        config = Operators(world, {}).config(home, datasets=str(data.published))
        with served_app(world, home, **config) as server:
            [row] = server.services.models.by_id(EIGHT, [0])
            for name in ("mine", "another's"):
                server.services.models.say(name)
            made = Examined(world, server, data, row.uuid)
            send(made, data.raw, "past.csv")
            send(made, b"id,prediction\n1,2\n", "wrong.csv")
            yield made


def send(examined: Examined, raw: bytes, filename: str) -> None:
    """Uploads a file and waits until it was examined."""
    # A thing with ``services`` is all that a token is made of.
    headers = token(examined.server, examined.world.owner(0))  # type: ignore[arg-type]
    with httpx.Client(base_url=examined.server.config.url, headers=headers, timeout=60) as client:
        wish = {"filename": filename, "purpose": "diagnostics"}
        put = client.post(f"/v1/models/{examined.id}/uploads", json=wish).raise_for_status().json()
        kept = httpx.put(put["url"], content=raw).raise_for_status().json()
        assert kept["sha256"] == hashlib.sha256(raw).hexdigest()
        asked = client.post(
            f"/v1/models/{examined.id}/diagnostics", json={"filename": put["filename"]}
        )
        number = asked.raise_for_status().json()["id"]

        def is_over() -> bool:
            found = client.get(f"/v1/diagnostics/{number}").raise_for_status().json()
            return bool(found["status"] != "pending")

        wait_until(is_over, f"{filename} has been examined")


def signed_in(page: Page) -> None:
    connect(page)
    page.get_by_role("button", name="Sign in to see them").click()
    page.get_by_role("heading", name="Uploads").wait_for()


def drawn(page: Page, label: str) -> list[list[float | None]]:
    plot: list[list[float | None]] = page.locator(f"[role=img][aria-label^='{label}']").evaluate(
        "element => element.plot.data.map(values => Array.from(values))"
    )
    return plot


def test_owner__signed_in__sees_what_was_found(browser: Browser, examined: Examined) -> None:
    wallet = examined.wallet()
    [found] = examined.data.expected()["models"]
    with visiting(browser, examined.server.config.url, prepare=wallet.install) as visit:
        page = visit.to(examined.path)
        signed_in(page)
        uploads = page.get_by_role("region", name="Uploads").locator("tbody tr")
        expect(uploads).to_have_count(2)
        expect(uploads.filter(has_text="wrong-")).to_contain_text("failed")
        expect(uploads.filter(has_text="past-")).to_contain_text("done")
        [statement] = wallet.signed
        assert examined.server.config.url in statement
        page.get_by_role("heading", name="Feature exposures").wait_for()
        for name, series in found["scores"].items():
            page.get_by_role("button", name=name, exact=True).click()
            page.locator(f"[role=img][aria-label='{name} by era']").wait_for()
            assert drawn(page, f"{name} by era")[1] == series["by_era"]
            row = page.get_by_role("region", name="Scores over all eras").locator(
                "tr", has=page.get_by_role("button", name=name, exact=True)
            )
            mean = row.locator("td").nth(1).get_attribute("title")
            assert (None if mean is None else float(mean)) == series["mean"]
        page.get_by_role("button", name="corr", exact=True).click()
        page.locator("[role=img][aria-label='Cumulative corr and drawdown']").wait_for()
        sums = drawn(page, "Cumulative")
        total = sum(found["scores"]["corr"]["by_era"])
        assert sums[1][-1] == pytest.approx(total)
        assert -min(sums[2]) == pytest.approx(found["scores"]["corr"]["max_drawdown"])
        largest = sorted(found["exposures"].items(), key=lambda one: -abs(one[1]["mean"]))
        shown = page.get_by_role("region", name="Feature exposures").locator("tbody td.name")
        assert shown.all_inner_texts() == [feature for feature, _ in largest[:20]]


def test_another__is_told_whose_it_is_and_sees_nothing(
    browser: Browser, examined: Examined
) -> None:
    wallet = examined.wallet(1)
    with visiting(browser, examined.server.config.url, prepare=wallet.install) as visit:
        page = visit.to(examined.path)
        connect(page)
        expect(page.locator("main")).to_contain_text("This account does not own mine")
        expect(page.get_by_role("button", name="Sign in to see them")).to_have_count(0)


def test_sign_in__refused_in_the_wallet__said_and_can_be_asked_again(
    browser: Browser, examined: Examined
) -> None:
    wallet = examined.wallet()
    wallet.rejects = {"personal_sign"}
    with visiting(browser, examined.server.config.url, prepare=wallet.install) as visit:
        page = visit.to(examined.path)
        connect(page)
        page.get_by_role("button", name="Sign in to see them").click()
        expect(page.get_by_role("alert")).to_contain_text("refused it in your wallet")
        wallet.rejects = set()
        page.get_by_role("button", name="Sign in to see them").click()
        page.get_by_role("heading", name="Uploads").wait_for()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", ["desktop", "phone"])
def test_findings__in_each_width_and_theme__can_be_read_by_anybody(
    browser: Browser, examined: Examined, width: str, theme: str
) -> None:
    wallet, viewport = examined.wallet(), PHONE if width == "phone" else DESKTOP
    url = examined.server.config.url
    with visiting(browser, url, prepare=wallet.install, viewport=viewport, theme=theme) as visit:
        page = visit.to(examined.path)
        signed_in(page)
        page.get_by_role("heading", name="Feature exposures").wait_for()
        page.wait_for_timeout(400)
        PICTURES.mkdir(exist_ok=True)
        page.screenshot(path=PICTURES / f"diagnostics-found-{width}-{theme}.png", full_page=True)
        overflow = page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert overflow <= 0, "the page scrolls sideways"
        page.evaluate(AXE())
        violations = page.evaluate("async () => (await axe.run(document)).violations")
        assert [(one["id"], one["nodes"][0]["html"][:200]) for one in violations] == []

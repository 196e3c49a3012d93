"""Pages that are open follow the chain by the server's events, without being loaded again."""

from playwright.sync_api import Browser, expect
from served_pages import visiting
from server_world import ServerWorld

from oracle.gateway.run import Server

EIGHT = 8


def test_round__closes_and_another_opens__open_pages_show_it_by_themselves(
    browser: Browser, history_world: ServerWorld, history_app: Server
) -> None:
    world, url = history_world, history_app.config.url
    number = world.reader.target()
    with visiting(browser, url) as overview, visiting(browser, url) as round_page:
        pages = (overview.to(f"/{EIGHT}"), round_page.to(f"/{EIGHT}/rounds/{number}"))
        expect(pages[0].locator("h1")).to_have_text(f"Round {number} is open")
        expect(pages[1].locator("h1 .tag")).to_have_text("open")
        for page in pages:
            page.evaluate("() => { window.isTheSame = true; }")
        world.close(number)
        expect(pages[1].locator("h1 .tag")).to_have_text("waiting for targets", timeout=40_000)
        expect(pages[0].locator("h1")).not_to_have_text(f"Round {number} is open", timeout=40_000)
        following = world.announce().round
        expect(pages[0].locator("h1")).to_have_text(f"Round {following} is open", timeout=40_000)
        assert all(page.evaluate("() => window.isTheSame") for page in pages)

"""Pages of the web app in a real browser, from a server on a port of this machine. A
``conftest.py`` that wants them imports the fixtures."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)
from server_http import served
from server_world import ServerWorld

from oracle.gateway.run import Server

__all__ = ["browser", "chromium_path"]
ROOT = Path(__file__).parents[2]
APP = ROOT / "web" / "dist"
_MOST_MS = 20_000
"""Until something shows; only a broken test waits for so long."""
_NAMES = ("chromium", "chromium-browser", "google-chrome")
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}


def chromium_path() -> str | None:
    """Debian's Chromium, or another that is on the path."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests; each test opens contexts of its own."""
    where = chromium_path()
    if where is None:
        pytest.fail("not run: install chromium")
    if not (APP / "index.html").is_file():
        pytest.fail("not run: build the web app (make setup)")
    expect.set_options(timeout=_MOST_MS)
    # Containers run as root, without the namespaces that Chromium's sandbox is made of, and with
    # little shared memory.
    flags = ["--no-sandbox", "--disable-dev-shm-usage", "--force-color-profile=srgb"]
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=where, args=flags)
        yield made
        made.close()


@contextmanager
def served_app(
    world: ServerWorld, home: Path, where: str | None = None, **changes: Any
) -> Iterator[Server]:
    """The server with the app, once its tables follow the world's chain."""
    home.mkdir(parents=True, exist_ok=True)
    fields = {"web": str(APP), **changes}
    with served(world, where or str(home / "server.sqlite"), home, **fields) as running:
        wait_until(lambda: not running.services.health.lacks(), "the server follows the chain")
        yield running


def wait_until(holds: Any, what: str, seconds: float = 90.0) -> None:
    """Fails where ``holds()`` does not become true."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.05)


@dataclass
class Visit:
    """A page and what it complained of: errors in scripts, and whatever its policy refused."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def to(self, path: str, *, ready: str = "main h1") -> Page:
        """Goes to an address of the app, such as ``/8/rounds/1``."""
        self.page.goto(f"{self.url}/app{path}")
        self.page.wait_for_selector(ready)
        return self.page

    def settled(self) -> None:
        """Waits until nothing on the page says that it is loading."""
        self.page.wait_for_function("() => !document.querySelector('main .waiting')")

    def heard(self, message: ConsoleMessage) -> None:
        is_wrong = message.type == "error" or "Content Security Policy" in message.text
        if is_wrong and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)


@contextmanager
def visiting(
    browser: Browser,
    url: str,
    *,
    viewport: dict[str, int] | None = None,
    theme: str = "light",
    prepare: Any = None,
    **options: Any,
) -> Iterator[Visit]:
    """A new visitor; ``prepare(context)`` may put a wallet in first. A page that complained makes
    the test fail in the end."""
    context: BrowserContext = browser.new_context(
        viewport=viewport or DESKTOP,
        color_scheme=theme,
        reduced_motion="reduce",
        locale="en-GB",
        timezone_id="Europe/Berlin",
        **options,
    )
    context.set_default_timeout(_MOST_MS)
    if prepare is not None:
        prepare(context)
    page = context.new_page()
    made = Visit(page, url)
    page.on("console", made.heard)
    page.on("pageerror", lambda error: made.complaints.append(str(error)))
    try:
        yield made
    finally:
        context.close()
    assert made.complaints == [], made.complaints

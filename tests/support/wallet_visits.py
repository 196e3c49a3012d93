"""Visits of people with wallets to the app. Test files that want them import the fixture."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from eth_utils import to_checksum_address
from playwright.sync_api import Browser, Locator, Page, expect
from served_pages import APP, Visit, visiting
from server_operators import SUBMITTER
from server_stakes import relayer_config
from wallet_world import OTHER, STAKER, BrowserWallet, WalletWorld, connect, wallet_world

from oracle.chain.abi import abi
from oracle.chain.keys import dev_account
from oracle.chain.record import load_record
from oracle.gateway.run import Server
from oracle.records.rows import Settlement
from oracle.settlement.units import UNITS_PER_NMR, WEI_PER_UNIT

__all__ = ["crossing"]
SIGN = re.compile(r"^Sign (in my wallet|\d transactions)$")


@dataclass
class Crossing:
    """A world that is served, and what people of it have."""

    at: WalletWorld
    server: Server

    @property
    def url(self) -> str:
        return self.server.config.url

    def wallet(self, account: int = STAKER, on: int = 137) -> BrowserWallet:
        chains = {1: self.at.chains.root, 137: self.at.chains.child}
        return BrowserWallet(dev_account(account), chains, on)

    def model_id(self, number: int) -> str:
        tournament = self.at.world.reader.addresses.tournament
        [row] = self.server.services.models.by_id(tournament, [number])
        return row.uuid

    def deposited(self, model: int) -> int:
        """U that wait for the open round."""
        reader = self.at.world.reader
        return int(reader.pool.functions.record_of(reader.target(), model).call()) & (2**56 - 1)

    def on_child(self, account: int = STAKER) -> int:
        """In U."""
        token = self.at.chains.child_token
        held = token.functions.balanceOf(dev_account(account).address).call()
        return int(held) // WEI_PER_UNIT

    def on_root(self, account: int = STAKER) -> int:
        token = self.at.chains.root_token
        held = token.functions.balanceOf(dev_account(account).address).call()
        return int(held) // WEI_PER_UNIT

    def pool_allowance(self) -> int:
        """In wei."""
        token, pool = self.at.chains.child_token, self.at.world.reader.addresses.pool
        return int(token.functions.allowance(dev_account(STAKER).address, pool).call())

    def settlement(self, model: int) -> Settlement:
        """What round 1 did."""
        tournament = self.at.world.reader.addresses.tournament
        [found] = self.server.services.stakes.settlements(tournament, models=[model], rounds=[1])
        return found

    def outlook(self, units: int) -> Any:
        """What the deployed StakeLens says of a deposit."""
        web3, record = (
            self.at.world.reader.web3,
            load_record(self.at.world.root / "deployment.json"),
        )
        address = record.contracts["StakeLens"].address
        lens = web3.eth.contract(address=to_checksum_address(address), abi=abi("StakeLens"))
        found = lens.functions.deposit_outlook(units * WEI_PER_UNIT).call()
        names = ("round", "close", "release_round", "expected_at", "latest_at", "max_loss")
        return SimpleNamespace(**dict(zip(names, found, strict=True)))

    @contextmanager
    def visit(
        self,
        browser: Browser,
        wallet: BrowserWallet | None = None,
        path: str = "/wallet",
        url: str | None = None,
        **options: Any,
    ) -> Iterator[tuple[Page, BrowserWallet]]:
        """The wallet page, connected, its balances there."""
        wallet = wallet or self.wallet()
        with visiting(browser, url or self.url, prepare=wallet.install, **options) as made:
            page = made.to(path)
            connect(page)
            yield page, wallet

    @contextmanager
    def look(self, browser: Browser, path: str, **options: Any) -> Iterator[Visit]:
        with visiting(browser, self.url, **options) as made:
            made.to(path)
            yield made


@pytest.fixture(scope="module")
def crossing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crossing]:
    """Two chains, a settled round and an open one, a server that has both its keys."""
    with wallet_world(tmp_path_factory.mktemp("crossing")) as at:
        key = at.home / "submitter.env"
        key.touch(0o600)
        key.write_text(f"ASSAY_OPERATOR_KEY=0x{bytes(SUBMITTER.key).hex()}\n")
        changes = {
            **relayer_config(at.world, at.home),
            "submitter": {"kind": "envfile", "file": str(key)},
        }
        with at.server(Path(APP), **changes) as server:
            yield Crossing(at, server)


# ---------------------------------------------------------------------- what visitors do


def stakes_are_there(page: Page) -> None:
    page.get_by_role("heading", name="Stakes", exact=True).wait_for()


def ask_deposit(page: Page, amount: str) -> Locator:
    """The dialog that says what a deposit comes to, once it has looked at the chain."""
    page.locator("#stake-amount").fill(amount)
    page.get_by_role("button", name="Deposit …").click()
    return asked(page)


def asked(page: Page) -> Locator:
    dialog = page.get_by_role("dialog")
    expect(dialog).not_to_contain_text("would it work now", timeout=30_000)
    return dialog


def sign(dialog: Locator) -> None:
    dialog.get_by_role("button", name=SIGN).click()


def done(dialog: Locator) -> None:
    """Waits until all is in blocks, and closes the dialog."""
    expect(dialog).to_contain_text("Done: it is in a block", timeout=30_000)
    dialog.get_by_role("button", name="Close").click()


def utc(seconds: int) -> str:
    """As titles have a time."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def nmr(amount: float) -> int:
    """U."""
    return int(amount * UNITS_PER_NMR)


STRANGER = OTHER

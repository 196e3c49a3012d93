"""What owners sign once for the server: said in words, checked field by field, stored, revoked."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Route, expect
from server_operators import SUBMITTER
from server_stakes import RELAYER
from wallet_visits import Crossing, asked, crossing, done, nmr, sign

from oracle.accounts.caller import ALL, Caller
from oracle.gateway.intaking import intake_of
from oracle.gateway.staking import staking_of
from oracle.settlement.units import WEI_PER_UNIT

__all__ = ["crossing"]
pytestmark = [pytest.mark.slow, pytest.mark.chain]
EIGHT = 8
PROPOSED = "**/v1/tournaments/8/mandate-to-sign*"


def test_address_of_an_error__opens_the_wallet_page__mandate_in_words_then_stored_and_used(
    browser: Browser, crossing: Crossing
) -> None:
    wallet = crossing.wallet()
    path = "/../sign?tournament=8&model=0&action=increase"
    with crossing.visit(browser, wallet, path) as (page, _):
        assert "/app/wallet?tournament=8&model=0&action=increase" in page.url
        permit = page.get_by_role("region", name="Let this server act for you")
        expect(permit).to_contain_text("give a mandate that allows deposits")
        permit.get_by_label("Deposits in all, NMR").fill("7.5")
        permit.get_by_label("For days").fill("30")
        permit.get_by_role("button", name="Deposits and releases …").click()
        words = permit.get_by_role("group", name="Let this server deposit and release")
        expect(words).to_contain_text("up to 7.5 NMR from your wallet")
        expect(words).to_contain_text(RELAYER.address)
        expect(words).to_contain_text("0, 2")
        host = crossing.url.removeprefix("http://")
        assert next(one for one in wallet.signed if isinstance(one, str)).startswith(
            f"{host} wants you to sign in"
        )
        assert "eth_signTypedData_v4" not in wallet.asked
        words.get_by_role("button", name="Sign this").click()
        dialog = asked(page)
        expect(dialog).to_contain_text("7.5 NMR, the mandate's own bound")
        sign(dialog)
        done(dialog)
        expect(permit.get_by_role("row").nth(1)).to_contain_text("0 / 7.5")
    assert crossing.pool_allowance() == nmr(7.5) * WEI_PER_UNIT
    staking = crossing.server.services.part(staking_of)
    account = crossing.server.services.accounts.people.by_address(wallet.account.address)
    [model] = crossing.server.services.models.by_id(EIGHT, [0])
    made = staking.change(Caller(account, ALL), EIGHT, model, nmr(1), "increase")
    assert made.status == "mined"


def test_mandate__revoked_here__the_server_can_act_no_more(
    browser: Browser, crossing: Crossing
) -> None:
    """After the test above, which left one."""
    with crossing.visit(browser) as (page, _):
        permit = page.get_by_role("region", name="Let this server act for you")
        permit.get_by_role("button", name="Sign in and show what I allowed").click()
        permit.get_by_role("button", name="Revoke").first.click()
        dialog = asked(page)
        sign(dialog)
        done(dialog)
    staking = crossing.server.services.part(staking_of)
    stored = staking.mandates.of(EIGHT, crossing.at.staker.address)
    reader = crossing.at.world.reader
    assert all(reader.mandate_use(s.mandate.owner, s.hash)["revoked"] for s in stored)


def test_key__for_submissions__in_words_then_stored(browser: Browser, crossing: Crossing) -> None:
    with crossing.visit(browser, path="/../sign?tournament=8&model=0&action=submit") as (page, _):
        permit = page.get_by_role("region", name="Let this server act for you")
        permit.get_by_role("button", name="Let it sign …").click()
        words = permit.get_by_role("group")
        expect(words).to_contain_text("It moves no money")
        expect(words).to_contain_text("it cannot be revoked")
        words.get_by_role("button", name="Sign this").click()
        expect(permit).to_contain_text("may sign your submissions of rounds")
    permits = crossing.server.services.part(intake_of).permits
    [key] = permits.of(EIGHT, crossing.at.staker.address)
    assert key.key == SUBMITTER.address


def test_mandate__refused_in_the_wallet__nothing_is_stored(
    browser: Browser, crossing: Crossing
) -> None:
    staking = crossing.server.services.part(staking_of)
    before = len(staking.mandates.of(EIGHT, crossing.at.staker.address))
    wallet = crossing.wallet()
    wallet.rejects.add("eth_signTypedData_v4")
    with crossing.visit(browser, wallet) as (page, _):
        permit = page.get_by_role("region", name="Let this server act for you")
        permit.get_by_role("button", name="Releases only …").click()
        permit.get_by_role("button", name="Sign this").click()
        expect(permit).to_contain_text("You refused it in your wallet")
    assert len(staking.mandates.of(EIGHT, crossing.at.staker.address)) == before


def _another(field: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        data["message"][field] = value

    return change


def _domain(field: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        data["domain"][field] = value

    return change


def _renamed(data: dict[str, Any]) -> None:
    """Another struct of the same fields, which a contract of the thief's would take."""
    data["types"]["Permit"] = data["types"].pop("StakeMandate")
    data["primaryType"] = "Permit"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_another("relayer", "0x" + "66" * 20), "another relayer"),
        (_another("owner", "0x" + "66" * 20), "another owner"),
        (_another("models", ["0", "1"]), "not yours"),
        (_another("max_deposit", str(10**24)), "other deposits"),
        (_domain("chainId", 1), "another chain"),
        (_domain("verifyingContract", "0x" + "66" * 20), "another contract"),
        (_renamed, "no StakeMandate"),
    ],
    ids=["relayer", "owner", "models", "amount", "chain", "contract", "struct"],
)
def test_server_that_lies__proposes_something_else__never_shown_to_the_wallet(
    browser: Browser, crossing: Crossing, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    def lie(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        change(body["typed_data"])
        route.fulfill(response=answer, body=json.dumps(body))

    with crossing.visit(browser) as (page, wallet):
        page.route(PROPOSED, lie)
        permit = page.get_by_role("region", name="Let this server act for you")
        permit.get_by_role("button", name="Deposits and releases …").click()
        expect(permit).to_contain_text(said)
        expect(permit).to_contain_text("it was not shown to your wallet")
        assert "eth_signTypedData_v4" not in wallet.asked

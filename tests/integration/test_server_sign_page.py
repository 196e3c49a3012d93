"""The signing page: its own script, run by Node with a wallet that really signs, against the real
application over HTTP; what it leaves behind lets the server act."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from browser_wallet import Wallet, wallet_at_http
from server_history import EIGHT, history_world
from server_http import served
from server_operators import SUBMITTER
from server_stakes import relayer_config
from server_world import ServerWorld

from oracle.accounts.caller import ALL, Caller
from oracle.gateway.intaking import intake_of
from oracle.gateway.run import Server
from oracle.gateway.staking import staking_of
from oracle.settlement.units import UNITS_PER_NMR, WEI_PER_UNIT

__all__ = ["history_world"]
pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("sign_page")]
PAGE = """
const [site, wallet, query, bounds] = process.argv.slice(1);
const source = await (await fetch(site + "/sign/sign.js")).text();
const page = await import("data:text/javascript," + encodeURIComponent(source));
const request = async (asked) => {
  const body = JSON.stringify(asked);
  return (await (await fetch(wallet, { method: "POST", body })).json()).result;
};
try {
  const asked = page.read(query);
  console.log(await page.sign(asked, JSON.parse(bounds), { request }, site, () => undefined));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
"""


@pytest.fixture(scope="module")
def running(
    history_world: ServerWorld, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("home")
    key = home / "submitter.env"
    key.touch(0o600)
    key.write_text(f"ASSAY_OPERATOR_KEY=0x{bytes(SUBMITTER.key).hex()}\n")
    changes = {
        **relayer_config(history_world, home),
        "submitter": {"kind": "envfile", "file": str(key)},
    }
    with served(history_world, str(home / "server.sqlite"), home, **changes) as made:
        deadline = time.monotonic() + 60
        while made.services.health.lacks():
            assert time.monotonic() < deadline, made.services.health.report()
            time.sleep(0.05)
        yield made


def visit(
    running: Server, wallet: Wallet, query: str, **bounds: str
) -> subprocess.CompletedProcess[str]:
    """The page's script, as it would run when its button was pressed."""
    with wallet_at_http(wallet) as at:
        arguments = [running.config.url, at, query, json.dumps({"days": "30", **bounds})]
        return subprocess.run(
            ["node", "--input-type=module", "--eval", PAGE, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def test_page__to_stake_more__leaves_a_mandate_and_an_allowance_that_work(
    running: Server, history_world: ServerWorld
) -> None:
    wallet = Wallet(history_world, history_world.owner(0))
    done = visit(running, wallet, "?tournament=8&model=0&action=increase", deposit="7.5")
    assert done.returncode == 0, done.stderr
    assert "Done" in done.stdout
    assert wallet.asked[:4] == [
        "eth_requestAccounts",
        "eth_chainId",
        "personal_sign",
        "eth_signTypedData_v4",
    ]
    staking = running.services.part(staking_of)
    [stored] = staking.mandates.of(EIGHT, wallet.account.address)
    assert stored.mandate.max_deposit == 15 * UNITS_PER_NMR // 2 * WEI_PER_UNIT
    account = running.services.accounts.people.by_address(wallet.account.address)
    [model] = running.services.models.by_id(EIGHT, [0])
    made = staking.change(Caller(account, ALL), EIGHT, model, UNITS_PER_NMR, "increase")
    assert made.status == "mined"


def test_page__to_submit__leaves_the_owners_word(
    running: Server, history_world: ServerWorld
) -> None:
    wallet = Wallet(history_world, history_world.owner(1))
    done = visit(running, wallet, "?tournament=8&model=1&action=submit")
    assert done.returncode == 0, done.stderr
    [key] = running.services.part(intake_of).permits.of(EIGHT, wallet.account.address)
    assert key.key == SUBMITTER.address


def test_page__to_release__needs_no_allowance(running: Server, history_world: ServerWorld) -> None:
    wallet = Wallet(history_world, history_world.owner(2))
    done = visit(running, wallet, "?tournament=8&model=2&action=decrease")
    assert done.returncode == 0, done.stderr
    assert "eth_sendTransaction" not in wallet.asked
    [stored] = running.services.part(staking_of).mandates.of(EIGHT, wallet.account.address)
    assert stored.mandate.max_deposit == 0


@pytest.mark.parametrize(
    ("query", "bounds", "said"),
    [
        ("?tournament=8&action=steal", {}, "not complete"),
        ("?action=increase", {}, "not complete"),
        ("?tournament=11&action=increase", {"deposit": "1"}, "no tournament 11"),
        ("?tournament=8&action=increase", {"deposit": "much"}, "no amount of NMR"),
    ],
)
def test_page__address_or_bounds_wrong__says_so(
    running: Server, history_world: ServerWorld, query: str, bounds: dict[str, str], said: str
) -> None:
    wallet = Wallet(history_world, history_world.owner(1))
    done = visit(running, wallet, query, **bounds)
    assert done.returncode == 1
    assert said in done.stderr


def test_page__and_its_files__allow_nothing_from_elsewhere(running: Server, tmp_path: Path) -> None:
    url = running.config.url
    for path in ("/sign?tournament=8&action=submit", "/sign/sign.js", "/sign/start.js"):
        answer = httpx2.get(url + path)
        assert answer.status_code == 200
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        for word in ("http://", "https://"):
            assert word not in answer.text
    start = tmp_path / "start.mjs"
    start.write_text(httpx2.get(f"{url}/sign/start.js").text)
    subprocess.run(["node", "--check", str(start)], check=True)
    assert httpx2.get(f"{url}/sign/../../config.py").status_code in (404, 422)
    assert httpx2.get(f"{url}/sign/%2e%2e%2fconfig.py").status_code in (404, 422)
    assert httpx2.get(f"{url}/sign/address/0x12").status_code == 422
    assert "set-cookie" not in httpx2.get(f"{url}/sign").headers

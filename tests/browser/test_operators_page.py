"""The operators' page: who answers, who does not, and who signed two results."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from playwright.sync_api import Browser, expect
from postgres import free_port
from served_pages import served_app, visiting, wait_until
from server_operators import serving_operators
from server_world import ServerWorld, server_world

from oracle.chain.signing import LocalSigner, sign
from oracle.gateway.roster import Roster, rosters_of
from oracle.gateway.run import Server
from oracle.settlement.typed_data import Domain

EIGHT = 8


@dataclass
class Seen:
    """``liar``: the operator that signed a second result of round ``number``."""

    server: Server
    world: ServerWorld
    number: int
    liar: str
    nobody: str

    @property
    def roster(self) -> Roster:
        found: Roster = self.server.services.part(rosters_of)[EIGHT]
        return found


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    root = tmp_path_factory.mktemp("operators")
    with server_world(root) as world, serving_operators(world, root) as operators:
        model = world.register("alpha")
        number = world.play({model: 5})
        liar = world.operators[0]
        told, where = world.results[number].commit, world.reader.addresses
        other = replace(told, at_risk=told.at_risk + 1)
        domain = Domain(where.chain_id, where.oracle)
        signatures = (sign(LocalSigner(liar), told, domain), sign(LocalSigner(liar), other, domain))
        world.writer(world.operators[1]).report_equivocation(told, other, signatures)
        world.chain.finalize()
        nobody = f"http://127.0.0.1:{free_port()}"
        home = root / "app"
        config = operators.config(home, operators=[*operators.ingests, nobody])
        with served_app(world, home, **config) as server:
            made = Seen(server, world, number, liar.address, nobody)
            wait_until(
                lambda: sum(one.operator is not None for one in made.roster.looks.values()) > 2,
                "the operators have answered",
            )
            yield made


def test_operators__one_signed_two_results__said_beside_its_address(
    browser: Browser, seen: Seen
) -> None:
    with visiting(browser, seen.server.config.url) as visit:
        page = visit.to("/8/operators")
        visit.settled()
        count = page.locator("dl.keys div", has_text="Equivocations").locator(".figures")
        expect(count).to_have_text("1")
        rows = page.get_by_role("region", name="Signers").locator("tbody tr")
        assert rows.count() == len(seen.world.operators)
        row = rows.filter(has=page.locator(f"[title='{seen.liar}']"))
        expect(row).to_contain_text("revoked: signed two results")
        others = rows.filter(has_not=page.locator(f"[title='{seen.liar}']"))
        assert "revoked" not in " ".join(others.all_inner_texts())


def test_operators__shares_of_answers__are_what_this_server_saw(
    browser: Browser, seen: Seen
) -> None:
    with visiting(browser, seen.server.config.url) as visit:
        page = visit.to("/8/operators")
        visit.settled()
        looks = {one.operator: one for one in seen.roster.looks.values()}
        rows = page.get_by_role("region", name="Signers").locator("tbody tr")
        for address in (one.address for one in seen.world.operators):
            row = rows.filter(has=page.locator(f"[title='{address}']"))
            found = row.locator("span[title*=' of ']")
            answered, asked = (int(n) for n in found.get_attribute("title").split(" of "))
            assert 0 < answered <= asked <= looks[address].asked
        expect(page.locator("main")).to_contain_text(
            f"No operator has answered yet from {seen.nobody}"
        )

"""Commands that ask a tournament server, against a real one over HTTP with real operators."""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from command import Ran
from examined_data import ExaminedData, examined_data
from server_databases import server as postgres_server
from server_databases import where
from server_http import served
from server_operators import Operators, serving_operators
from server_world import ServerWorld, server_world

from oracle.chain.keys import write_keystore
from oracle.chain.signing import LocalSigner
from oracle.cli.score import billionths_text
from oracle.cli.score_round import ScoredRound
from oracle.errors import Exit
from oracle.gateway.run import Server
from oracle.participant.client import Client
from oracle.participant.signing_in import sign_in
from oracle.participant.words import allow_submissions
from oracle.store.artefacts import round_path
from oracle.tournaments import by_number
from oracle.tournaments.universe import Universe

__all__ = ["postgres_server", "where"]
pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("server-commands")]
WORDS = "correct horse"
Assay = Callable[..., Ran]


@dataclass(frozen=True)
class Site:
    """A server, the owner's keystore, and predictions for the open round and for the past."""

    world: ServerWorld
    server: Server
    folder: Path
    past: ExaminedData

    @property
    def url(self) -> str:
        return self.server.config.url

    @property
    def key(self) -> list[str]:
        return ["--key", str(self.folder / "key.json"), "--password-file", str(self.folder / "pw")]

    @property
    def at(self) -> list[str]:
        """Which server, as whom."""
        return ["--server", self.url, "--token-file", str(self.folder / "token")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    """Two models with a settled round; another round is open."""
    with server_world(tmp_path_factory.mktemp("world")) as made:
        for name in ("alpha", "beta"):
            made.register(name)
        made.play({0: 9, 1: 0}, nmr=2)
        made.announce(window=4_000)
        made.chain.finalize()
        yield made


@pytest.fixture(scope="module")
def operators(world: ServerWorld, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operators]:
    with serving_operators(world, tmp_path_factory.mktemp("operators")) as running:
        yield running


@pytest.fixture(scope="module")
def site(
    world: ServerWorld, operators: Operators, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """The owner of ``alpha`` has let the server sign, and made a token by the command."""
    folder = tmp_path_factory.mktemp("site")
    past = examined_data(tmp_path_factory.mktemp("past"))
    write_keystore(folder / "key.json", world.owner(0), WORDS)
    (folder / "pw").write_text(WORDS + "\n")
    (folder / "past.csv").write_bytes(past.raw)
    home = folder / "home"
    config = operators.config(home, datasets=str(past.published))
    with served(world, "server.sqlite", home, **config) as server:
        for name in ("alpha", "beta"):
            server.services.models.say(name)
        made = Site(world, server, folder, past)
        signer = LocalSigner(world.owner(0))
        session = sign_in(Client(made.url), signer)
        while httpx.get(f"{made.url}/readyz").status_code != 200:
            pass
        allow_submissions(session, 8, world.domain, signer, 20)
        yield made


@pytest.fixture
def signed_in(site: Site, assay: Assay) -> Site:
    if not (site.folder / "token").exists():
        ran = assay("account", "sign-in", *site.at, *site.key, "--json")
        assert ran.result()["address"] == site.world.owner(0).address
    return site


@pytest.fixture
def live(site: Site, tmp_path: Path) -> Path:
    number = site.world.reader.target()
    path = tmp_path / "live.csv"
    path.write_bytes(site.world.files[number].predictions(5))
    return path


def test_sign_in__keystore__token_for_its_owner_alone(signed_in: Site, assay: Assay) -> None:
    path = signed_in.folder / "token"
    assert path.stat().st_mode & 0o077 == 0
    shown = assay("account", "show", *signed_in.at, "--json").result()
    assert shown["account"]["address"] == signed_in.world.owner(0).address
    assert {"alpha"} <= {one["name"] for one in shown["models"]}


def test_sign_in__file_is_there__refused_and_no_token_made(signed_in: Site, assay: Assay) -> None:
    before = assay("account", "tokens", "--server", signed_in.url, *signed_in.key, "--json")
    error = assay("account", "sign-in", *signed_in.at, *signed_in.key, "--json").error()
    assert (error["code"], "is there already" in error["message"]) == ("bad_input", True)
    after = assay("account", "tokens", "--server", signed_in.url, *signed_in.key, "--json")
    assert len(after.result()["tokens"]) == len(before.result()["tokens"])


def test_sign_in__wrong_password__refused_and_no_file_left(
    site: Site, assay: Assay, tmp_path: Path
) -> None:
    (tmp_path / "wrong").write_text("wrong\n")
    key = ["--key", site.folder / "key.json", "--password-file", tmp_path / "wrong"]
    at = ["--server", site.url, "--token-file", tmp_path / "token"]
    assert assay("account", "sign-in", *at, *key, "--json").error()["exit"] == Exit.INPUT
    assert not (tmp_path / "token").exists()


def test_revoke__token__no_longer_taken(site: Site, assay: Assay, tmp_path: Path) -> None:
    at = ["--server", site.url, "--token-file", tmp_path / "other"]
    scopes = ["--scope", "read_user_info", "--name", "short"]
    made = assay("account", "sign-in", *at, *scopes, *site.key, "--json").result()
    listed = assay("account", "tokens", "--server", site.url, *site.key, "--json").result()
    [mine] = [one for one in listed["tokens"] if one["public_id"] == made["public_id"]]
    assert (mine["name"], mine["scopes"]) == ("short", ["read_user_info"])
    assert (
        "Insufficient permission"
        in assay("submit", site.folder / "past.csv", "--model", "alpha", *at, "--json").error()[
            "message"
        ]
    )
    ran = assay("account", "revoke", made["public_id"], "--server", site.url, *site.key, "--json")
    assert ran.result() == {"public_id": made["public_id"]}
    error = assay("account", "show", *at, "--json").error()
    secret = (tmp_path / "other").read_text().strip().partition("$")[2]
    assert error["exit"] == Exit.REFUSED
    assert secret not in json.dumps(error)


def test_submit__by_the_server__accepted_and_listed(
    signed_in: Site, assay: Assay, live: Path
) -> None:
    made = assay("submit", live, "--model", "alpha", *signed_in.at, "--json").result()
    assert (made["status"], made["late"]) == ("accepted", False)
    assert made["round"] == signed_in.world.reader.target()
    listed = assay("models", "submissions", "alpha", *signed_in.at, "--json").result()
    [mine] = [one for one in listed["submissions"] if one["id"] == made["id"]]
    assert (mine["status"], mine["reason"]) == ("accepted", "")
    assert "alpha: on time" in assay("submit", live, "--model", "0", *signed_in.at).out


def test_submit__refused_by_the_rules__their_words_and_the_history_has_them(
    signed_in: Site, assay: Assay, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("id,prediction\nx,0.5\n")
    error = assay("submit", bad, "--model", "alpha", *signed_in.at, "--json").error()
    assert (error["code"], error["exit"]) == ("bad_input", Exit.INPUT)
    assert error["message"].startswith("invalid_submission_")
    listed = assay("models", "submissions", "alpha", *signed_in.at, "--json").result()
    [refused] = [one for one in listed["submissions"] if one["status"] == "refused"]
    assert refused["reason"] in error["message"]


def test_diagnostics__by_the_server__same_as_on_this_machine(signed_in: Site, assay: Assay) -> None:
    past = signed_in.folder / "past.csv"
    there = assay("diagnostics", past, "--model", "alpha", *signed_in.at, "--json").result()
    here = assay("diagnostics", past, "--data", signed_in.past.folder, "--json").result()
    assert there["model"] == signed_in.server.services.models.by_name(8, ["alpha"])[0].uuid
    for name in ("eras", "rows", "models", "target", "feature_set", "benchmark"):
        assert there[name] == here[name]
    shown = assay("diagnostics", past, "--model", "alpha", *signed_in.at).out
    assert shown == assay("diagnostics", past, "--data", signed_in.past.folder).out


def test_diagnostics__file_that_cannot_be_examined__its_fault_and_code_3(
    signed_in: Site, assay: Assay, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("id,prediction\nx,7\n")
    error = assay("diagnostics", bad, "--model", "alpha", *signed_in.at, "--json").error()
    assert error["exit"] == Exit.INPUT
    assert "line 2: the prediction" in error["message"]


def test_models__of_the_server__names_stakes_and_scores(signed_in: Site, assay: Assay) -> None:
    listed = assay("models", "list", "--server", signed_in.url, "--json").result()["models"]
    assert [(one["number"], one["name"]) for one in listed] == [(0, "alpha"), (1, "beta")]
    mine = assay("models", "list", "--mine", *signed_in.at, "--json").result()["models"]
    assert {one["owner"] for one in mine} == {signed_in.world.owner(0).address}
    shown = assay("models", "show", "beta", "--server", signed_in.url, "--json").result()
    lane = signed_in.world.reader.pool_at(signed_in.world.reader.finalized().number).lane(1)
    assert float(shown["stake"]["stake"]) * 10**9 == pytest.approx(lane.stake)
    scored = assay("models", "scores", "beta", "--server", signed_in.url, "--json").result()
    committed = signed_in.world.results[1]
    assert {one["round"] for one in scored["scores"]} == {1}
    assert {one["round"] for one in scored["payouts"]} == {1}
    assert committed.commit.round == 1
    table = assay("models", "scores", "beta", "--server", signed_in.url).out
    assert "corr" in table
    assert scored["payouts"][0]["payout"] in table


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("models", "list", "--mine"), "this needs a token"),
        (("account", "show"), "this needs a token"),
        (("models", "show", "nobody"), "has no model called"),
        (("submit", "past.csv", "--model", "alpha"), "this needs a token"),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else None,
)
def test_server__nobody_signed_in__code_3_and_the_next_command(
    site: Site, assay: Assay, arguments: tuple[str, ...], said: str
) -> None:
    ran = assay(*arguments, "--server", site.url, "--json")
    error = ran.error()
    assert (error["exit"], said in error["message"]) in {(Exit.INPUT, True), (Exit.REFUSED, True)}
    assert "assay" in error["fix"]


@pytest.mark.parametrize("text", ["", "nonsense", "id$", "a b$c"])
def test_token_file__without_a_token__code_3_and_content_not_shown(
    site: Site, assay: Assay, tmp_path: Path, text: str
) -> None:
    (tmp_path / "token").write_text(text)
    ran = assay("account", "show", "--server", site.url, "--token-file", "token", "--json")
    error: dict[str, Any] = ran.error()
    assert error["exit"] == Exit.INPUT
    assert not text or text not in json.dumps(error)


def test_server__none_named_or_none_there__said_with_what_to_do(
    assay: Assay, dead_server: str
) -> None:
    error = assay("leaderboard", "--json").error()
    assert (error["exit"], error["message"]) == (Exit.INPUT, "no server named")
    assert "--server" in error["fix"]
    error = assay("leaderboard", "--server", dead_server, "--json").error()
    assert error["exit"] == Exit.UNREACHABLE
    error = assay("leaderboard", "--server", "ftp://x", "--json").error()
    assert error["exit"] == Exit.INPUT


@pytest.fixture
def dead_server() -> str:
    """An address at which nothing listens."""
    return "http://127.0.0.1:1"


def test_submit__operators_options_with_a_server__usage(site: Site, assay: Assay) -> None:
    ran = assay("submit", "x.csv", "--model", "a", "--round", "3", "--server", site.url, "--json")
    assert ran.error()["exit"] == Exit.USAGE


def test_submit__name_without_a_server__usage(assay: Assay) -> None:
    assert assay("submit", "x.csv", "--model", "alpha", "--json").error()["exit"] == Exit.USAGE


def test_score__in_a_committed_round__the_paid_numbers_to_the_last_digit(
    signed_in: Site, assay: Assay, tmp_path: Path
) -> None:
    world, uuid = signed_in.world, signed_in.server.services.models.by_name
    where = world.reader.addresses
    folder = round_path(world.artefacts, where.chain_id, where.pool, 1)
    table = world.results[1].files["outputs/scores.csv"].decode().splitlines()
    committed = list(csv.DictReader(table))
    for name, sent in zip(("alpha", "beta"), world.sent[1], strict=True):
        file = tmp_path / f"{name}.csv"
        file.write_bytes(sent.raw)
        model = sent.entry.model
        found = assay("score", file, "--round", folder, "--model", model, "--json").result()
        [row] = [one for one in committed if one["model"] == str(model)]
        assert found["committed"] == {n: billionths_text(int(row[n])) for n in ("corr", "mmc")}
        assert {n: found[n] for n in ("corr", "mmc")} == found["committed"]
        path = f"{signed_in.url}/v1/models/{uuid(8, [name])[0].uuid}/scores"
        shown = {one["name"]: one["value"] for one in httpx.get(path).json()["items"]}
        assert {n: float(found[n]) for n in ("corr", "mmc")} == {
            n: shown[n] for n in ("corr", "mmc")
        }
    other = assay("score", tmp_path / "alpha.csv", "--round", folder, "--model", 1, "--json")
    assert (other.error()["exit"], "was committed as" in other.error()["message"]) == (5, True)
    strange = assay("score", tmp_path / "alpha.csv", "--round", folder, "--model", 9, "--json")
    assert "has no score in this round" in strange.error()["message"]


def test_meta_model__rows_that_are_equal_once_rounded__mmc_is_not_sure() -> None:
    def opened(values: list[int] | None) -> ScoredRound:
        universe = Universe(("a", "b", "c"))
        meta = None if values is None else np.array(values)
        return ScoredRound(Path("x"), by_number(8), universe, np.zeros(3, np.int64), meta)

    assert opened([3, 1, 2]).meta_is_exact
    assert not opened([3, 1, 1]).meta_is_exact
    assert not opened(None).meta_is_exact


def test_leaderboard__settled_round__ranked_and_searchable(signed_in: Site, assay: Assay) -> None:
    at = ["--server", signed_in.url]
    while not (board := assay("leaderboard", *at, "--json").result())["items"]:
        pass
    assert [one["rank"] for one in board["items"]] == [1, 2]
    best, worst = board["items"]
    assert best["score"] >= worst["score"]
    assert set(best["reputations"]) >= {"corr", "mmc"}
    found = assay("leaderboard", *at, "--search", "beta", "--json").result()["items"]
    assert [one["name"] for one in found] == ["beta"]
    shown = assay("leaderboard", *at).out
    assert shown.index(best["name"]) < shown.index(worst["name"])
    assert assay("leaderboard", *at, "--sort", "nonsense", "--json").error()["exit"] == Exit.INPUT

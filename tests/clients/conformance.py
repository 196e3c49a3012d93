"""All steps against a real server: operators, contracts, files and signatures are what they are."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copytree

from cases import Known
from clients import Client, Outcome
from commands import COMMANDS
from examined_data import examined_data
from played_rounds import NAMES
from server_http import served
from server_operators import SUBMITTER, serving_operators
from server_stakes import relayer_config
from sqlalchemy import func, select
from steps import PAST, PICKLE, TICKERS, UPLOAD, VERSION, Step, groups, tickers
from tournaments import publish, three_tournaments
from wallets import token_of
from webhook_receiver import receiving
from week import week

from oracle.accounts.caller import ALL, Caller
from oracle.chain.signed import sign_mandate
from oracle.chain.signing import LocalSigner, sign
from oracle.errors import AssayError
from oracle.gateway.examining import examiner_of
from oracle.gateway.intaking import datasets_of, intake_of
from oracle.gateway.run import Server
from oracle.gateway.staking import staking_of
from oracle.records.schema.chain import tournaments
from oracle.settlement.units import UNITS_PER_NMR

_PATIENCE = 600.0
"""Seconds until something is held to be stuck."""


@dataclass(frozen=True, slots=True)
class Result:
    """A method's outcome: ``wrong`` is empty where every field was what it must be."""

    name: str
    wrong: str


@dataclass(frozen=True)
class Scene:
    """A server with history, and the owner of ``alpha`` in each tournament, who has signed all that
    is to be signed. ``known`` and ``clients`` by number of the tournament."""

    known: Mapping[int, Known]
    server: Server
    clients: Mapping[int, Client]

    def catch_up(self) -> None:
        """Lets the server take in what is final now."""
        world = self.known[8].history.world
        world.chain.finalize()
        wanted = world.reader.finalized().number
        self.wait(lambda: self._block() >= wanted, "the server does not follow the chain")

    def after(self, task: str) -> None:
        """Waits until a run of the task that begins from now on has ended."""

        def runs() -> float:
            found = self.server.services.health.registry.get_sample_value(
                "assay_server_task_runs_total", {"task": task, "outcome": "ok"}
            )
            return found or 0.0

        before = runs()
        self.wait(lambda: runs() >= before + 2, f"{task} does not go on")

    def examined(self) -> None:
        """Waits until no upload waits to be examined."""
        examiner = self.server.services.part(examiner_of)
        self.wait(lambda: examiner.next() is None, "uploads are not examined")

    def published(self) -> None:
        """Waits until the data sets are published."""
        datasets = self.server.services.part(datasets_of)
        for number in self.known:
            self.wait(lambda n=number: bool(datasets.list(n)), "no data set was published")

    def _block(self) -> int:
        """Up to which the tables of all tournaments follow the chain."""
        query = select(func.min(tournaments.c.block))
        found = self.server.database.read(lambda connection: connection.execute(query).scalar())
        return int(found or 0)

    def wait(self, done: Callable[[], bool], otherwise: str) -> None:
        until = time.monotonic() + _PATIENCE
        while not done():
            if time.monotonic() > until:
                raise RuntimeError(f"{otherwise}: {self.server.services.health.lacks()}")
            time.sleep(0.2)

    def run(self, number: int, steps: Sequence[Step]) -> list[Result]:
        known = self.known[number]
        calls = [step.call(known) for step in steps]
        client = replace(self.clients[number], trigger=known.said.get("trigger", ""))
        outcomes = client.call(calls)
        found = [
            _result(str(call), known, step, outcome)
            for call, step, outcome in zip(calls, steps, outcomes, strict=True)
        ]
        for one in found:
            print(f"{one.name:<44} {one.wrong or 'equal'}", flush=True)
        return found


def _result(name: str, known: Known, step: Step, outcome: Outcome) -> Result:
    if outcome.error:
        is_meant = step.error and step.error in outcome.error
        return Result(name, "" if is_meant else outcome.error)
    try:
        step.check(known, outcome.value)
    except AssertionError as error:
        return Result(name, str(error))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        return Result(name, f"not of the form that was expected: {error!r}")
    return Result(name, "")


@contextmanager
def scene(root: Path) -> Iterator[Scene]:
    """``clients`` are added by who has their interpreter."""
    with ExitStack() as stack:
        (root / "chain").mkdir()
        played = stack.enter_context(three_tournaments(root / "chain"))
        home, configs, folders, data = root / "home", [], {}, {}
        examined = examined_data(root / "examined")
        receiver = stack.enter_context(receiving())
        for number, (history, predictions) in played.items():
            operators = root / f"operators-{number}"
            operators.mkdir()
            running = stack.enter_context(serving_operators(history.world, operators))
            fields = running.config(home / str(number))
            configs += fields["tournaments"]
            data[number] = home / str(number) / "datasets" / VERSION
            copytree(examined.folder, data[number])
            if number == 11:
                publish(home / str(number) / "datasets", TICKERS, tickers())
            folders[number] = root / f"client-{number}"
            folders[number].mkdir()
            (folders[number] / UPLOAD).write_bytes(predictions)
            (folders[number] / PAST).write_bytes(examined.raw)
            (folders[number] / PICKLE).write_bytes(b"\x80\x04N.")
        world = played[8][0].world
        changes = {**fields, **relayer_config(world, home), "tournaments": configs}
        changes["webhooks"] = {"allow_private": True}
        server = stack.enter_context(served(world, "server.sqlite", home, **changes))
        for name in NAMES[:3]:
            server.services.models.say(name)
        wallet = world.owner(played[8][0].alpha)
        account = server.services.accounts.people.met(wallet.address, 1)
        shown = token_of(server.services.accounts, account).removeprefix("Token ")
        public, _, secret = shown.partition("$")
        known = {
            n: Known(played[n][0], folders[n], public, receiver=receiver, data=data[n], past=PAST)
            for n in played
        }
        for one in known.values():
            one.others = [other for other in known.values() if other is not one]
        clients = {
            n: Client(Path(), server.config.url, (public, secret), folders[n]) for n in played
        }
        made = Scene(known, server, clients)
        made.catch_up()
        made.published()
        for one in known.values():
            _allow(made, one, Caller(account, ALL))
        yield made


def _allow(made: Scene, known: Known, caller: Caller) -> None:
    """What the owner signs once: that the server's keys may submit and stake for him."""
    world, services, number = known.history.world, made.server.services, known.tournament
    owner, alpha = world.owner(known.history.alpha), known.history.alpha
    wallet, permits = LocalSigner(owner), services.part(intake_of).permits
    wanted = permits.wanted(number, 100)
    assert wanted.key == SUBMITTER.address
    permits.store(caller, number, wanted, sign(wallet, wanted, world.domain))
    staking = services.part(staking_of)
    mandate = staking.wanted(caller, number, [alpha], 100 * UNITS_PER_NMR, 30)
    staking.store_mandate(caller, number, sign_mandate(mandate, world.reader.addresses, wallet))
    world.writer(owner).approve(100 * UNITS_PER_NMR)


def _commands(known: Known, client: Client) -> list[Result]:
    """The command line, when all that methods do has been done: nothing is staked any more."""
    found = []
    for one in COMMANDS:
        arguments = [known.uuid if text == "ALPHA" else text for text in one.arguments]
        name = f"numerapi {one.arguments[0]}"
        found.append(Result(name, one.read(known, *client.command(*arguments))))
    return found


def conformance(python: Path) -> tuple[list[Result], list[str]]:
    """Results of all steps, and methods of the package that no step calls."""
    with tempfile.TemporaryDirectory() as root, scene(Path(root)) as made:
        clients = {n: replace(client, python=python) for n, client in made.clients.items()}
        made = replace(made, clients=clients)
        results = []
        for number in made.known:
            for group in groups(number):
                made.catch_up()
                if group[0].method == "get_leaderboard":
                    made.after("make boards")
                made.examined()
                results += made.run(number, group)
            if number == 8:
                results += _commands(made.known[8], clients[8])
        try:
            results += week(made, 8)
        except (AssayError, AssertionError, RuntimeError) as error:
            results.append(Result("week", f"not played to its end: {error!r}"))
        _, classes = clients[8].methods()
        called = {result.name for result in results}
        every = {f"{api}.{method}" for api, methods in classes.items() for method in methods}
        return results, sorted(every - called)

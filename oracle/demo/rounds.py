"""One round of the demo: announced, submitted to, scored, settled."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from oracle.chain.keys import dev_account
from oracle.chain.signing import LocalSigner
from oracle.demo.at_server import Visitors
from oracle.demo.players import Player
from oracle.demo.scene import Scene
from oracle.demo.steps import Say
from oracle.devnet.topology import ANNOUNCER
from oracle.errors import RefusedError
from oracle.settlement.reference import ReferencePool
from oracle.settlement.typed_data import Announcement
from oracle.settlement.units import MILLIONTH
from oracle.store.artefacts import round_path, write_file

_DAY = 86_400
_HORIZON = 30 * _DAY


@dataclass
class Round:
    """``number`` of it, and what the announcer said."""

    scene: Scene
    visitors: Visitors
    number: int
    announced: Announcement

    @property
    def provider(self) -> Path:
        """Where the data provider puts what belongs to the round."""
        return self.scene.devnet.data / str(self.number)

    def open(self, universe: bytes) -> None:
        """The provider shows the rows, the round opens, and the server has seen it."""
        write_file(self.provider / "universe.csv", universe)
        self.scene.clock.advance_to(self.announced.opens)
        self.visitors.await_round(self.number)

    def submit(self, players: Sequence[Player], say: Say) -> None:
        self.visitors.submit(players, say)

    def close(self) -> None:
        closed = self.announced.closes + 60
        self.scene.clock.advance_to(closed)
        self.visitors.await_time(closed)

    def score(self, targets: bytes, say: Say) -> None:
        """The horizon is over and targets arrive; returns when the result is committed."""
        due = self.announced.closes + self.announced.horizon
        self.scene.clock.advance_to(max(due, self.scene.clock.now() + 1))
        write_file(self.provider / "targets.csv", targets)
        reader, operators = self.scene.reader, self.scene.options.topology.operators
        for _ in self.scene.waiting("the commit"):
            say(f"{self._attested()} of {len(operators)} have signed")
            if reader.committed(self.number):
                break
        needed, members = reader.needed(self.number), reader.members(self.number)
        say(f"{needed} of {len(members)} signatures committed")

    def _attested(self) -> int:
        signed = 0
        for operator in self.scene.options.topology.operators:
            try:
                answer = httpx.get(f"{operator.url}/rounds/{self.number}/attestation", timeout=2)
                signed += answer.status_code == httpx.codes.OK
            except httpx.HTTPError:
                continue
        return signed

    def settle(self) -> tuple[ReferencePool, ReferencePool]:
        """The challenge window passes; the pool before and after."""
        reader, clock = self.scene.reader, self.scene.clock
        # Drained once the round is closed: the state that the scores apply to.
        for _ in self.scene.waiting("the queue to be drained"):
            block = reader.newest()
            if not reader.round_state(self.number, block.number)["queue_head"]:
                break
        before = reader.pool_at(block.number)
        clock.advance_to(clock.now() + reader.timing["window"])
        for _ in self.scene.waiting("the settlement"):
            if reader.state()["head"] > self.number:
                break
        return before, reader.pool_at(reader.newest().number)

    def artefacts(self, operator: int = 0) -> Path:
        """The round's folder as one of the operators has it."""
        where, name = self.scene.reader.addresses, self.scene.options.topology.operators[operator]
        home = self.scene.devnet.artefacts(name.name)
        return round_path(home, where.chain_id, where.pool, self.number)


def announce_by_script(scene: Scene, number: int) -> Announcement:
    """By the Ape script, as an announcer would: 30 days of horizon."""
    scene.devnet.run_script("announce", "--record", str(scene.devnet.record_path))
    return _announced(scene, number)


def announce(scene: Scene, number: int) -> Announcement:
    """The same by this process, for Ape takes seconds to start: opening in a day, so that the
    window of each result is over before the next one is due."""
    opens = scene.clock.now() + _DAY
    announcer = scene.writer_of(LocalSigner(dev_account(ANNOUNCER)))
    announcer.announce(number, opens, opens + _DAY, _HORIZON, MILLIONTH, bytes(32))
    return _announced(scene, number)


def _announced(scene: Scene, number: int) -> Announcement:
    announced = scene.reader.announced(number)
    if announced is None:
        raise RefusedError("the announcement did not reach the chain")
    return announced


def publish(scene: Scene, files: Mapping[str, Path]) -> None:
    """Lets the server publish copies of these files under their names, each in one piece."""
    for name, source in files.items():
        place = scene.devnet.datasets / name
        place.parent.mkdir(parents=True, exist_ok=True)
        unfinished = place.with_name(f"{place.name}.tmp")
        shutil.copyfile(source, unfinished)
        os.replace(unfinished, place)

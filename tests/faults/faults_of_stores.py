"""Databases and disks that fail under a running operator."""

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Lock

import postgres
from fault_net import await_until
from fault_rounds import Fault, FaultWorld
from round_players import Player, RoundFiles
from sqlalchemy import select

from oracle.operator.client import Sent, submit
from oracle.settlement.receipts import SignedReceipt
from oracle.store.database import Database
from oracle.store.journal import COMMIT, Journal
from oracle.store.schema import signed

_SAYS_SECONDS = 60


class KilledWriting(Fault):
    """kill -9 of one operator while files come in from all sides, each a transaction."""

    name = "database killed mid-transaction"
    files, until_death = 8, 12
    """Files of each model, and receipts of the victim after which it dies."""
    open_seconds = 90

    def opened(self, world: FaultWorld, number: int) -> None:
        self.victim, self.lock = world.net.leader(number), Lock()
        self.given: list[SignedReceipt] = []
        self.world, self.number, self.died = world, number, False
        with ThreadPoolExecutor(len(world.players)) as pool:
            sent = [one for each in pool.map(self._send_all, world.players) for one in each]
        for one, raw in sent:
            world.audit.sent_by_client(one, raw)
        assert self.died, f"{len(self.given)} receipts of {self.victim.name} are too few"
        world.recovered = world.net.restart_operator(self.victim)

    def _send_all(self, player: Player) -> list[tuple[Sent, bytes]]:
        data = RoundFiles.of(self.number)
        raws = [
            (model, data.predictions((self.number, model, 100 + i), i % 5))
            for i in range(self.files)
            for model in player.models
        ]
        return [(self._send(player, model, raw), raw) for model, raw in raws]

    def _send(self, player: Player, model: int, raw: bytes) -> Sent:
        world = self.world
        announced = world.audit.announced[self.number]
        sent = submit(
            raw,
            self.number,
            model,
            player.signer,
            world.domain,
            [member.url for member in world.net.members],
            world.audit.needed_receipts,
            [member.account.address for member in world.net.members],
            range(announced.opens, announced.closes + announced.horizon),
        )
        with self.lock:
            receipt = sent.receipts.get(self.victim.url)
            if receipt is not None:
                self.given.append(receipt.stored(sent.key))
            if len(self.given) >= self.until_death and not self.died:
                self.died = True
                world.net.end_operator(self.victim, signal.SIGKILL)
        return sent

    def heal(self, world: FaultWorld, number: int) -> None:
        path = self.victim.home / "journal.sqlite"
        with sqlite3.connect(path) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
        database = Database.open(path)
        kept = set(Journal(database).receipts(number))
        database.close()
        missing = [receipt for receipt in self.given if receipt not in kept]
        assert not missing, f"{len(missing)} of {len(self.given)} receipts are not kept"

    def seen(self, world: FaultWorld, number: int) -> str:
        return f"all {len(self.given)} receipts given are kept"


class Locked(Fault):
    """Another process holds the database's lock for longer than the operator waits for it."""

    name = "database locked by another process"

    def due(self, world: FaultWorld, number: int) -> None:
        self.victim = world.net.leader(number)
        self.logged = len(world.net.log_of(self.victim))
        self.holder = sqlite3.connect(self.victim.home / "journal.sqlite", isolation_level=None)
        self.undo.callback(self.holder.close)
        await_until(self._held, 20, "the lock")

    def _held(self) -> bool:
        try:
            self.holder.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        return True

    def heal(self, world: FaultWorld, number: int) -> None:
        await_until(
            lambda: self._is_said(world), _SAYS_SECONDS, f"'it is locked' from {self.victim.name}"
        )
        self.undo.close()
        world.recovered = await_until(self.victim.is_well, 60, "an operator without the lock")

    def _is_said(self, world: FaultWorld) -> bool:
        return "it is locked" in world.net.log_of(self.victim)[self.logged :]

    def seen(self, world: FaultWorld, number: int) -> str:
        return "it says so; the others settled, it follows"


class DiskFull(Fault):
    """The disk with one operator's folder and its log takes nothing more, from the close on."""

    name = "disk full"
    megabytes = 64

    def before(self, world: FaultWorld, number: int) -> None:
        self.net, self.victim = world.net, world.net.leader(number)
        home = self.victim.home
        world.net.end_operator(self.victim)
        aside = home.with_name(f"{home.name}-aside")
        home.rename(aside)
        home.mkdir()
        size = f"size={self.megabytes}m,mode=0755"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", home], check=True)
        self.undo.callback(_unmount, home, aside)
        self.undo.callback(self._end)
        shutil.copytree(aside, home, dirs_exist_ok=True)
        log = world.net.devnet.processes.log_path(self.victim.name)
        shutil.move(log, home / "operator.log")
        log.symlink_to(home / "operator.log")
        world.net.restart_operator(self.victim)

    def sent(self, world: FaultWorld, number: int) -> None:
        self.ballast = self.victim.home / "ballast"
        _fill(self.ballast)

    def heal(self, world: FaultWorld, number: int) -> None:
        await_until(self._says_so, _SAYS_SECONDS, f"an error of its store from {self.victim.name}")
        self.ballast.unlink()
        world.recovered = await_until(self.victim.is_well, 60, "an operator with space again")
        self.undo.close()
        world.net.restart_operator(self.victim)

    def _says_so(self) -> bool:
        return (self.victim.health() or {"error": ""})["error"] == "StoreError"

    def _end(self) -> None:
        if self.victim.name not in self.net.down:
            self.net.end_operator(self.victim)

    def seen(self, world: FaultWorld, number: int) -> str:
        return "it says so; the others settled, it goes on"


class WritesRefused(Fault):
    """The system lets one operator's files, its log among them, grow no more from the close on:
    in place of ``DiskFull`` where no disk may be mounted."""

    name = "disk full (file size limited)"

    def sent(self, world: FaultWorld, number: int) -> None:
        self.victim = world.net.leader(number)
        running = {record.name: record.pid for record in world.net.devnet.processes.running()}
        pid, (_, most) = running[self.victim.name], resource.getrlimit(resource.RLIMIT_FSIZE)
        self.undo.callback(resource.prlimit, pid, resource.RLIMIT_FSIZE, (most, most))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, most))

    def heal(self, world: FaultWorld, number: int) -> None:
        await_until(self._says_so, _SAYS_SECONDS, f"an error of its disk from {self.victim.name}")
        self.undo.close()
        world.recovered = await_until(self.victim.is_well, 60, "an operator that may write again")

    def _says_so(self) -> bool:
        return (self.victim.health() or {"error": ""})["error"] in ("StoreError", "OSError")

    def seen(self, world: FaultWorld, number: int) -> str:
        return "it says so; the others settled, it goes on"


class PrimaryLost(Fault):
    """An operator on PostgreSQL: the primary is killed once a round is due, its replica promoted a
    little later. Afterwards the operator is put back on its own database."""

    name = "PostgreSQL primary killed, replica promoted"

    def before(self, world: FaultWorld, number: int) -> None:
        self.victim = world.net.leader(number)
        self.pair = self.undo.enter_context(postgres.pair())
        self.pair.primary.new_database("operator")
        self.config = self.victim.home / "operator.toml"
        text, url = self.config.read_text(), self.pair.url("operator")
        self.undo.callback(self.config.write_text, text)
        self.config.write_text(f'{text}\n[store]\ndatabase = "{url}"\n')
        world.net.restart_operator(self.victim)

    def due(self, world: FaultWorld, number: int) -> None:
        self.pair.primary.kill()
        self.began, self.ended = time.monotonic(), 0.0

    def watch(self, world: FaultWorld, number: int) -> None:
        if not self.ended and time.monotonic() - self.began > 3:
            self.pair.replica.promote()
            self.ended = time.monotonic()

    def heal(self, world: FaultWorld, number: int) -> None:
        await_until(self.victim.is_well, 60, "an operator on the promoted replica")
        world.recovered = time.monotonic() - self.ended
        database = Database.open(self.pair.url("operator"))
        with database.connect() as connection:
            rows = connection.execute(select(signed).where(signed.c.phase == COMMIT)).all()
        database.close()
        self.signed = [row.digest for row in rows if row.round == number]
        for digest in self.signed:
            world.audit.saw(self.victim.account.address, number, digest)
        world.net.end_operator(self.victim)
        self.undo.close()
        world.net.restart_operator(self.victim)

    def seen(self, world: FaultWorld, number: int) -> str:
        return "went on at the replica" if self.signed else "well at the replica, not signed"


def _fill(path: Path) -> None:
    """Writes until nothing more goes on the disk, not even a page."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(65536))
    with path.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def _unmount(home: Path, aside: Path) -> None:
    """Brings the folder's content back to where it was."""
    (home / "ballast").unlink(missing_ok=True)
    shutil.rmtree(aside)
    shutil.copytree(home, aside)
    subprocess.run(["umount", home], check=True)
    home.rmdir()
    aside.rename(home)


STORE_FAULTS: list[Fault] = [
    KilledWriting(),
    Locked(),
    DiskFull() if os.geteuid() == 0 else WritesRefused(),
    PrimaryLost(),
]

"""kill -9 at what not every round comes to: receipts, targets, copies, the calendar, void rounds,
rounds that nobody announces, burns."""

import json
import logging
import os
from unittest.mock import patch

import httpx
import s3_server
from fault_net import CLOCKS, TIMING, Member, await_until
from fault_rounds import HORIZON, OPEN_SECONDS, Fault, FaultWorld
from faults_of_operators import Killed
from round_players import NO_LIMIT, RoundFiles

from oracle.chain.keys import dev_account
from oracle.chain.signing import LocalSigner
from oracle.devnet.topology import ANNOUNCER
from oracle.errors import UnreachableError
from oracle.operator.client import put_targets, vaults
from oracle.operator.failpoints import Failpoint
from oracle.operator.folders import copied
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.rounds import FLUSH_FROM, Status
from oracle.settlement.typed_data import Announcement
from oracle.settlement.units import UNITS_PER_NMR
from oracle.store.database import Database
from oracle.store.journal import Journal

_DIES_SECONDS = 60


class _KilledAtOnce(Killed):
    """It comes to the place before the round is due, and is waited for."""

    def await_death(self, world: FaultWorld) -> None:
        what = f"{self.victim.name} at {self.place}"
        await_until(lambda: world.net.has_ended(self.victim), _DIES_SECONDS, what)


class KilledAnswering(_KilledAtOnce):
    """It has stored a submission and dies before it has answered; the sender repeats it."""

    def __init__(self) -> None:
        super().__init__(Failpoint.RECEIPT_STORED)

    def opened(self, world: FaultWorld, number: int) -> None:
        player, url = world.players[0], f"{self.victim.url}/submissions"
        raw = RoundFiles.of(number).predictions((number, 78), 8)
        file = player.signed_file(number, player.models[0], raw, world.domain)
        body, query = file.sealed_to(self.victim.url), file.query()
        with_answer = True
        try:
            httpx.post(url, params=query, content=body, timeout=30)
        except httpx.HTTPError:
            with_answer = False
        assert not with_answer, f"{self.victim.name} answered"
        self.await_death(world)
        stored = receipts(self.victim, number)
        assert [receipt.key for receipt in stored] == [file.key]
        self.revive(world)
        for member in world.net.members:
            answer = httpx.post(
                f"{member.url}/submissions",
                params=query,
                content=file.sealed_to(member.url),
                timeout=30,
            )
            assert answer.status_code == httpx.codes.CREATED, answer.text
            given = answer.json()
            world.audit.receipt(file, given["operator"], given["received"])
            if member is self.victim:
                assert "0x" + stored[0].signature.hex() == given["signature"], "another receipt"
        assert receipts(self.victim, number) == stored

    def seen(self, world: FaultWorld, number: int) -> str:
        super().seen(world, number)
        return "the repeated file got the receipt that was kept"


class KilledTakingTargets(_KilledAtOnce):
    """It alone was given the targets; it has stored them and dies before it has answered."""

    def __init__(self) -> None:
        super().__init__(Failpoint.TARGETS_STORED)

    def resolve(self, world: FaultWorld, number: int) -> None:
        announced = world.audit.announced[number]
        try:
            put_targets(
                RoundFiles.of(number).targets,
                number,
                announced.closes,
                LocalSigner(world.net.provider),
                world.domain,
                [self.victim.url],
                [member.account.address for member in world.net.members],
            )
            raise AssertionError(f"{self.victim.name} answered")
        except UnreachableError:
            self.await_death(world)
        self.revive(world)

    def seen(self, world: FaultWorld, number: int) -> str:
        super().seen(world, number)
        shown, _ = vaults(number, [member.url for member in world.net.members])
        kept = [message for message in shown.values() if message is not None]
        assert len({message.sha256 for message in kept}) == 1
        assert shown[self.victim.url] is not None, f"{self.victim.name} lost them"
        return f"kept; {len(kept) - 1} others took them from it"


class KilledCopying(Killed):
    """It copies its rounds to a bucket; with ``stays_away`` until the round has ended."""

    def __init__(self, point: Failpoint, *, stays_away: bool = False) -> None:
        super().__init__(point)
        self.stays_away = stays_away
        self.name += ", late, bucket" if stays_away else ", bucket"

    def before(self, world: FaultWorld, number: int) -> None:
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        self.undo.enter_context(patch.dict(os.environ, s3_server.CREDENTIALS))
        self.s3 = self.undo.enter_context(s3_server.s3_server())
        # One server's buckets are there for the next server of this process, too.
        self.bucket = f"round-{number}"
        s3_server.new_bucket(self.s3, self.bucket)
        section = {"bucket": self.bucket, "endpoint_url": self.s3, "region": s3_server.REGION}
        lines = ["[store.s3]", *(f"{name} = {json.dumps(v)}" for name, v in section.items()), ""]
        back = world.net.change_config(
            self.chosen(world, number), lambda text: text + "\n".join(lines)
        )
        self.undo.callback(back)
        self._copies_what_is_old(world, number)
        super().before(world, number)

    def _copies_what_is_old(self, world: FaultWorld, number: int) -> None:
        """Earlier rounds go to the new bucket first: it is to die in this round, not in those."""
        operator = self.chosen(world, number)
        folders = [world.audit.folder(operator.account.address, old) for old in range(1, number)]
        world.net.restart_operator(operator)
        await_until(
            lambda: all(copied(folder).exists() for folder in folders if folder.exists()),
            60,
            f"{operator.name} to copy what is old",
        )

    def watch(self, world: FaultWorld, number: int) -> None:
        if not self.stays_away:
            super().watch(world, number)

    def heal(self, world: FaultWorld, number: int) -> None:
        if not self.died:
            what = f"{self.victim.name} at {self.place}"
            await_until(lambda: world.net.has_ended(self.victim), _DIES_SECONDS, what)
            self.revive(world)
        self.copied = 0
        await_until(lambda: self._is_copied(world, number), 60, "the whole round in the bucket")
        self.undo.close()
        world.net.restart_operator(self.victim)

    def _is_copied(self, world: FaultWorld, number: int) -> bool:
        folder = world.audit.folder(self.victim.account.address, number)
        key = str(folder.relative_to(self.victim.home / "artefacts"))
        client = s3_server.client(self.s3)
        listed = client.list_objects_v2(Bucket=self.bucket, Prefix=f"{key}/").get("Contents", [])
        there = {item["Key"].removeprefix(f"{key}/") for item in listed}
        here = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        if not there or there != here:
            return False
        self.copied = len(there)
        return all(
            client.get_object(Bucket=self.bucket, Key=f"{key}/{name}")["Body"].read()
            == (folder / name).read_bytes()
            for name in there
        )

    def seen(self, world: FaultWorld, number: int) -> str:
        super().seen(world, number)
        return f"all {self.copied} files are in the bucket"


class KilledAnnouncing(_KilledAtOnce):
    """It announces rounds on a calendar; one round it is, and it dies before or after that."""

    every, ahead = 600, 300

    def announced(self, world: FaultWorld, number: int) -> Announcement:
        net, self.victim = world.net, self.chosen(world, number)
        key = self.victim.home / "announcer.env"
        key.touch(0o600)
        key.write_text(f"ASSAY_OPERATOR_KEY={dev_account(ANNOUNCER).key.to_0x_hex()}\n")
        self.undo.callback(key.unlink)
        back = net.change_config(self.victim, lambda text: text + self._section())
        self.undo.callback(back)
        opens = (net.now() + self.ahead) // self.every * self.every + self.every
        world.pass_to(opens - self.ahead)
        net.arm(self.victim, self.place)
        self.await_death(world)
        self.was_sent = world.reader.state()["last_announced"] == number
        self.revive(world)
        await_until(lambda: world.reader.announced(number) is not None, 60, "the announcement")
        # Some cycles more in which nothing else may be announced.
        before = net.now()
        await_until(lambda: net.now() > before + 5, 30, "some blocks")
        last = world.reader.state()["last_announced"]
        assert last == number, f"round {last} is announced"
        self.undo.close()
        net.restart_operator(self.victim)
        expected = world.announcement(number, opens, opens + OPEN_SECONDS)
        found = world.reader.announced(number)
        assert found == expected, f"announced otherwise than the calendar says: {found}"
        world.pass_to(opens)
        return expected

    def before(self, world: FaultWorld, number: int) -> None:
        self.died = False

    def _section(self) -> str:
        values = {
            "calendar": "seconds",
            "every": self.every,
            "window": OPEN_SECONDS,
            "horizon": HORIZON,
            "ahead": self.ahead,
            "margin": 5,
        }
        lines = ["[announce]", *(f"{name} = {json.dumps(v)}" for name, v in values.items())]
        lines += ["[announce.signer]", 'kind = "envfile"', 'file = "announcer.env"', ""]
        return "\n".join(lines)

    def seen(self, world: FaultWorld, number: int) -> str:
        super().seen(world, number)
        assert self.was_sent is (self.point is Failpoint.ANNOUNCED)
        return "announced once, as the calendar says"


class KilledEndingVoid(Killed):
    """The targets never come: the round is void, and it dies once it has ended it."""

    def __init__(self) -> None:
        super().__init__(Failpoint.VOID_ENDED)

    def resolve(self, world: FaultWorld, number: int) -> None:
        world.pass_to(world.audit.announced[number].closes + HORIZON + TIMING.grace + 1)

    def check(self, world: FaultWorld, number: int) -> None:
        world.check_pool()
        newest = world.reader.newest()
        assert world.reader.facts(number, newest, number).status is Status.VOID
        for member in world.net.members:
            address = member.account.address
            assert not world.audit.digests[(address.lower(), number)], f"{member.name} signed"
            kept = {receipt.key for receipt in receipts(member, number)}
            lost = set(world.audit.sent[number]) - kept
            assert not lost, f"{member.name} lost {len(lost)} submissions, keeps {len(kept)}"
        world.audit.sent.pop(number, None)

    def seen(self, world: FaultWorld, number: int) -> str:
        super().seen(world, number)
        return "ended once, deposits drained, nothing signed"


class KilledSkipping(Killed):
    """Nobody announces the round, and somebody stakes for it; it dies once it has skipped it."""

    def __init__(self) -> None:
        super().__init__(Failpoint.SKIPPED)

    def happens(self, world: FaultWorld, number: int) -> None:
        world.stake(number)
        closed = world.reader.round_state(number - 1)["close"]
        world.pass_to(closed + CLOCKS.skip_after + 1)

    def check(self, world: FaultWorld, number: int) -> None:
        world.check_pool()
        assert number in world.reference.pool.skipped
        assert number not in world.reference.pool.queues, "a deposit still waits"

    def seen(self, world: FaultWorld, number: int) -> str:
        super().seen(world, number)
        return "skipped once, deposits drained"


class KilledFlushing(Killed):
    """Everybody's predictions are as wrong as can be; it dies once it has sent the burns on."""

    skills = (-90,)

    def __init__(self) -> None:
        super().__init__(Failpoint.BURN_FLUSHED)

    def chosen(self, world: FaultWorld, number: int) -> Member:
        """Burns are sent when the next round is the head."""
        return world.net.leader(number + 1)

    def before(self, world: FaultWorld, number: int) -> None:
        super().before(world, number)
        for player in world.players:
            player.writer.deposit(player.models[0], 200 * UNITS_PER_NMR, NO_LIMIT)

    def heal(self, world: FaultWorld, number: int) -> None:
        if not self.died:
            what = f"{self.victim.name} at {self.place}"
            await_until(lambda: world.net.has_ended(self.victim), _DIES_SECONDS, what)
            self.revive(world)
        world.pass_to(world.net.now() + 5)

    def check(self, world: FaultWorld, number: int) -> None:
        await_until(lambda: not self._owed(world), 30, "burns that are sent and final")
        super().check(world, number)

    def _owed(self, world: FaultWorld) -> int:
        return int(world.reader.totals(world.reader.finalized().number)["burn_owed"])

    def seen(self, world: FaultWorld, number: int) -> str:
        super().seen(world, number)
        assert world.reference.pool.burn_owed < FLUSH_FROM
        return "all burns are in the burn vault, sent once"


def receipts(member: Member, number: int) -> list[SignedReceipt]:
    """What an operator's database has of its own receipts for a round."""
    database = Database.open(member.home / "journal.sqlite")
    try:
        found = Journal(database).receipts(number)
    finally:
        database.close()
    return [receipt for receipt in found if receipt.operator == member.account.address]


DUTY_FAULTS: list[Fault] = [
    KilledAnswering(),
    KilledTakingTargets(),
    KilledCopying(Failpoint.MIRRORED),
    KilledCopying(Failpoint.DISCLOSED, stays_away=True),
    KilledFlushing(),
    KilledAnnouncing(Failpoint.ANNOUNCE_DECIDED),
    KilledAnnouncing(Failpoint.ANNOUNCED),
    KilledEndingVoid(),
    KilledSkipping(),
]
"""The last ones set the chain's clock ahead, by six hours in all."""

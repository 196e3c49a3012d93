"""Calls to models: when a round opens, and when an owner asks.

The body is JSON with ``triggerId``, as compute nodes made for Numerai read it; the submission
that comes of a call names it. Headers are those of the Standard Webhooks specification:
``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``, an HMAC-SHA256 over both and the
body by the model's secret.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Final
from uuid import NAMESPACE_URL, uuid4, uuid5

from sqlalchemy import Connection, delete, exists, select, update

from oracle.errors import AssayError, InputError, RefusedError
from oracle.life.sending import post, target_of
from oracle.records.asking import as_row, columns_of, parts
from oracle.records.models import Models
from oracle.records.profiles import Profile, Profiles
from oracle.records.rounds import Rounds
from oracle.records.rows import ModelRow, RoundRow, RoundStatus
from oracle.records.schema.chain import models
from oracle.records.schema.life import webhook_deliveries, webhook_rounds
from oracle.records.schema.people import profiles
from oracle.store.database import Database

OPENED: Final = "opened"
ASKED: Final = "asked"
WAITING, SENT, FAILED = "waiting", "sent", "failed"
_FIRST_PAUSE, _FACTOR = 15, 4
_KEPT_SECONDS = 30 * 86_400
_AT_ONCE, _A_RUN = 16, 128
_AGENT = "assay-webhooks"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A call to a model. ``status``: waiting, sent or failed; ``answer``: what was said last.
    Times by the wall's clock."""

    trigger_id: str
    tournament: int
    round: int
    model: int
    event: str
    created_at: int
    attempts: int = 0
    next_at: int = 0
    status: str = WAITING
    answer: str = ""


@dataclass(frozen=True)
class Webhooks:
    """``now`` tells the chain's time of a tournament, 0 where it is not known. A call is tried
    ``attempts`` times, after pauses that grow, as long as its round is open. ``count`` is told
    whose webhook is called at somebody's wish, and may raise."""

    database: Database
    now: Callable[[int], int]
    attempts: int = 5
    allow_private: bool = False
    clock: Callable[[], float] = time.time
    count: Callable[[str], None] = lambda _: None

    # ------------------------------------------------------------------ what owners ask

    def trigger(self, model: ModelRow) -> str:
        """Calls a model's webhook now; the trigger's id. Raises ``InputError`` where it has none,
        ``RefusedError`` where it did not take the call."""
        profile = Profiles(self.database).of(model)
        if profile is None or profile.webhook is None:
            raise InputError("this model has no webhook", "set one by setSubmissionWebhook")
        self.count(model.owner)
        current = Rounds(self.database).current(model.tournament, self.now(model.tournament))
        number = 0 if current is None else current.number
        new = Delivery(str(uuid4()), model.tournament, number, model.model, ASKED, self._wall(), 1)
        done = self._tried(new, model, profile)
        done = replace(done, status=SENT if done.status == SENT else FAILED)
        self._insert([done])
        if done.status != SENT:
            raise RefusedError(f"the webhook did not take the call: {done.answer}")
        return done.trigger_id

    def of_model(self, tournament: int, model: int, limit: int = 20) -> list[Delivery]:
        """Calls to a model, the newest first."""
        table = webhook_deliveries.c
        query = columns_of(webhook_deliveries, Delivery).where(
            table.tournament == tournament, table.model == model
        )
        query = query.order_by(table.created_at.desc(), table.trigger_id).limit(limit)
        rows = self.database.read(lambda connection: connection.execute(query).all())
        return [as_row(row, Delivery) for row in rows]

    # ------------------------------------------------------------------ a round opens

    def open(self, tournament: int) -> int:
        """Notes a call for each model that has a webhook when a round is seen open for the first
        time; how many."""
        current = Rounds(self.database).current(tournament, self.now(tournament))
        if current is None or self._is_told(tournament, current.number):
            return 0
        table = models.c
        whose = (table.tournament == profiles.c.tournament) & (table.model == profiles.c.model)
        wanted = select(profiles.c.model).where(
            profiles.c.tournament == tournament,
            profiles.c.webhook_enabled,
            exists().where(whose, table.owner == profiles.c.owner),
        )

        calls, before = webhook_deliveries.c, self._wall() - _KEPT_SECONDS
        old = delete(webhook_deliveries).where(calls.created_at < before, calls.status != WAITING)

        def work(connection: Connection) -> int:
            told = {"tournament": tournament, "round": current.number, "told_at": self._wall()}
            note = self.database.insert(webhook_rounds).values(told).on_conflict_do_nothing()
            if not connection.execute(note).rowcount:
                return 0
            connection.execute(old)
            rows = [
                self._opening(current, model)
                for model in connection.execute(wanted.order_by(profiles.c.model)).scalars()
            ]
            self._put(connection, rows)
            return len(rows)

        return self.database.run(work)

    def _is_told(self, tournament: int, number: int) -> bool:
        query = select(webhook_rounds.c.round).where(
            webhook_rounds.c.tournament == tournament, webhook_rounds.c.round == number
        )
        return self.database.read(lambda connection: connection.execute(query).first()) is not None

    def _opening(self, current: RoundRow, model: int) -> Delivery:
        """The same id however often a round's opening is met."""
        made = uuid5(NAMESPACE_URL, f"assay:{current.tournament}:{current.number}:{model}:opened")
        now = self._wall()
        return Delivery(str(made), current.tournament, current.number, model, OPENED, now, 0, now)

    # ------------------------------------------------------------------ calls

    def call_due(self) -> int:
        """Tries what is due, some at a time; how many were taken. Nothing of a tournament whose
        chain was not looked at yet."""
        table = webhook_deliveries.c
        query = columns_of(webhook_deliveries, Delivery).where(
            table.status == WAITING, table.next_at <= self._wall()
        )
        query = query.order_by(table.next_at).limit(_A_RUN)
        rows = self.database.read(lambda connection: connection.execute(query).all())
        due = [as_row(row, Delivery) for row in rows if self.now(row.tournament)]
        if not due:
            return 0
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="webhook") as pool:
            done = list(pool.map(partial(self._one, self._open_rounds(due)), due))
        return sum(one.status == SENT for one in done)

    def _open_rounds(self, due: Collection[Delivery]) -> frozenset[tuple[int, int]]:
        found = set()
        for tournament in {one.tournament for one in due}:
            now = self.now(tournament)
            numbers = {one.round for one in due if one.tournament == tournament}
            rows = Rounds(self.database).list(tournament, numbers=numbers)
            found |= {(tournament, r.number) for r in rows if r.status(now) is RoundStatus.OPEN}
        return frozenset(found)

    def _one(self, rounds: Collection[tuple[int, int]], row: Delivery) -> Delivery:
        if (row.tournament, row.round) not in rounds:
            done = replace(row, status=FAILED, answer=row.answer or "the round is over")
        else:
            model, profile = self._whose(row)
            if profile is None or profile.webhook is None or model is None:
                done = replace(row, status=FAILED, answer="the model has no webhook any more")
            else:
                done = self._tried(replace(row, attempts=row.attempts + 1), model, profile)
        self._keep(done)
        return done

    def _whose(self, row: Delivery) -> tuple[ModelRow | None, Profile | None]:
        found = Models(self.database).by_id(row.tournament, [row.model])
        if not found:
            return None, None
        return found[0], Profiles(self.database).of(found[0])

    def _tried(self, row: Delivery, model: ModelRow, profile: Profile) -> Delivery:
        assert profile.webhook is not None
        assert profile.webhook_secret is not None
        body = json.dumps(
            {
                "triggerId": row.trigger_id,
                "modelId": model.uuid,
                "modelName": model.name,
                "tournament": row.tournament,
                "roundNumber": row.round,
                "event": row.event,
            }
        ).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": _AGENT,
            **signed(row.trigger_id, self._wall(), body, profile.webhook_secret),
        }
        try:
            status = self._send(profile.webhook, body, headers)
        except InputError as error:
            return replace(row, status=FAILED, answer=error.message)
        except AssayError as error:
            return self._again(row, error.message)
        if 200 <= status < 300:
            return replace(row, status=SENT, answer=f"status {status}")
        moved = ": redirects are not followed" if 300 <= status < 400 else ""
        return self._again(row, f"status {status}{moved}")

    def _send(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        return post(target_of(url, allow_private=self.allow_private), body, headers)

    def _again(self, row: Delivery, answer: str) -> Delivery:
        if row.attempts >= self.attempts:
            return replace(row, status=FAILED, answer=answer)
        pause = _FIRST_PAUSE * _FACTOR ** (row.attempts - 1)
        return replace(row, next_at=self._wall() + pause, answer=answer)

    # ------------------------------------------------------------------ the table

    def _insert(self, rows: Sequence[Delivery]) -> None:
        self.database.run(lambda connection: self._put(connection, rows))

    def _put(self, connection: Connection, rows: Sequence[Delivery]) -> None:
        for some in parts(rows, 50):
            values = [asdict(row) for row in some]
            insert = self.database.insert(webhook_deliveries).values(values)
            connection.execute(insert.on_conflict_do_nothing())

    def _keep(self, row: Delivery) -> None:
        values = {name: getattr(row, name) for name in ("attempts", "next_at", "status", "answer")}
        change = update(webhook_deliveries).where(webhook_deliveries.c.trigger_id == row.trigger_id)
        self.database.run(lambda connection: connection.execute(change.values(values)))

    def _wall(self) -> int:
        return int(self.clock())


def signed(name: str, when: int, body: bytes, secret: bytes) -> dict[str, str]:
    """The headers by which a receiver knows who called, and when."""
    text = f"{name}.{when}.".encode() + body
    proof = base64.b64encode(hmac.digest(secret, text, hashlib.sha256)).decode()
    return {
        "webhook-id": name,
        "webhook-timestamp": str(when),
        "webhook-signature": f"v1,{proof}",
    }


def shown_secret(secret: bytes) -> str:
    """A webhook's secret in the form that receivers' libraries take."""
    return "whsec_" + base64.b64encode(secret).decode()

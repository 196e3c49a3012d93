"""A lying operator that chooses its moment, and tells each of the others something else.

It votes for whatever the one that asks has voted for. It signs a receipt for a submission that only
one honest operator, the ``holder``, was given, and shows it to all but the ``first`` one, and only
once that one has voted without it; until then whoever asks for its list waits for an answer.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx
from eth_account.signers.local import LocalAccount
from lying_operator import Lies, LyingOperator
from pydantic import TypeAdapter

from oracle.settlement.agreement import NIL
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.typed_data import Domain, Submission, Vote, digest, recover
from oracle.settlement.wire import (
    SubmissionMessage,
    VoteMessage,
    receipt_of,
    submission_message,
    unhex,
    vote_message,
)

_LISTS, _VOTES = TypeAdapter(list[SubmissionMessage]), TypeAdapter(list[VoteMessage])
_LONGEST = 3.0
"""Seconds for which an answer is held back; operators wait for 5."""


@dataclass(frozen=True, slots=True)
class Honest:
    """One of those it lies to."""

    name: str
    url: str
    address: str


class TimedLiar(LyingOperator):
    """``held_back`` is the submission; from ``due`` on it lies. ``oracle`` and ``pool`` are the
    domains of votes and of receipts."""

    def __init__(
        self,
        port: int,
        account: LocalAccount,
        honest: Sequence[Honest],
        oracle: Domain,
        pool: Domain,
        asker: Callable[[int], str],
    ) -> None:
        self.first, self.holder = honest[0], honest[1]
        super().__init__(port, account, self.holder.url, oracle, Lies.TIMED, asker)
        self.by_name, self.pool = {one.name: one for one in honest}, pool
        self.due = threading.Event()
        self.held_back: Submission | None = None
        self.agreed_with: set[tuple[str, bytes]] = set()
        """Names, and digests that it voted for because they had."""
        self.shown_to: set[str] = set()
        """Names of those that got the receipt in a list."""

    def answer(self, path: str, port: int) -> tuple[int, bytes]:
        parts = path.split("?")[0].strip("/").split("/")
        self.asked[parts[-1]] += 1
        if parts[0] != "rounds" or len(parts) < 3:
            return self._true(path)
        number, what, who = int(parts[1]), parts[2:], self.by_name.get(self.asker(port))
        if what == ["votes"]:
            return 200, _VOTES.dump_json([] if who is None else self._as_voted(number, who))
        if what == ["submissions"]:
            return 200, _LISTS.dump_json(self._list(number, path, who))
        if what[0] == "submissions":
            return self._true(path)
        return 404, b"{}"

    def _own_votes(self, number: int, who: Honest) -> list[Vote]:
        """What an honest operator has voted itself, by its own list."""
        path = f"/rounds/{number}/votes?challenge=0x{NIL.hex()}"
        try:
            answer = httpx.get(who.url + path, timeout=5)
        except httpx.HTTPError:
            return []
        if answer.status_code != httpx.codes.OK:
            return []
        shown = _VOTES.validate_json(answer.content)
        return [
            message.vote()
            for message in shown
            if recover(message.vote(), self.domain, message.signed()) == who.address
        ]

    def _as_voted(self, number: int, who: Honest) -> list[VoteMessage]:
        votes = self._own_votes(number, who)
        self.agreed_with |= {(who.name, vote.value) for vote in votes if vote.value != NIL}
        return [vote_message(vote, self._sign(digest(vote, self.domain))) for vote in votes]

    def _list(self, number: int, path: str, who: Honest | None) -> list[SubmissionMessage]:
        key = self.held_back
        is_told = self.due.is_set() and who is not None and who != self.first
        if key is None or key.round != number or "?" in path or not is_told or who is None:
            return []
        self._await_first(number)
        status, body = self._true(f"/rounds/{number}/submissions")
        listed = _LISTS.validate_json(body) if status == httpx.codes.OK else []
        found = [item for item in listed if item.key() == key]
        if found and self._own_votes(number, self.first):
            self.shown_to.add(who.name)
        else:
            found = []
        return [self._with_receipt(item) for item in found]

    def _await_first(self, number: int) -> None:
        until = time.monotonic() + _LONGEST
        while not self._own_votes(number, self.first) and time.monotonic() < until:
            self.closing.wait(0.1)

    def _with_receipt(self, item: SubmissionMessage) -> SubmissionMessage:
        """As the holder shows it, with a receipt of the same time by the liar."""
        key, received = item.key(), item.receipts[0].received
        signature = self._sign(digest(receipt_of(key, received), self.pool))
        own = SignedReceipt(key, self.account.address, received, signature)
        others = [receipt.stored(key) for receipt in item.receipts]
        receipts = [one for one in others if one.operator != own.operator]
        return submission_message(
            key, unhex(item.signature), sorted([*receipts, own], key=lambda one: one.operator)
        )

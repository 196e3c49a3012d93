"""Cards: where an operator is reached, and to whom files for it are sealed.

A card is signed with the operator's key, so that nobody on the way puts his own recipient there.
"""

import time
from collections.abc import Collection, Sequence
from typing import Protocol

import structlog
from pydantic import TypeAdapter

from oracle.chain.signing import Signer, sign
from oracle.operator.peers import Peer, ask_all
from oracle.settlement.typed_data import Card, Domain, recover
from oracle.settlement.wire import CardMessage, card_message, unhex
from oracle.store.cards import CardBook
from oracle.store.sealing import is_recipient

MAX_CARD = 4096
_CARD = TypeAdapter(CardMessage)
_EVERY_SECONDS, _AT_FIRST_SECONDS = 60.0, 2.0
_log = structlog.get_logger("cards")


class _Members(Protocol):
    def operators(self) -> list[str]: ...


def is_genuine(card: CardMessage, domain: Domain, operators: Collection[str]) -> bool:
    """Whether one of the ``operators`` signed this card, about itself."""
    signer = recover(card.card(), domain, unhex(card.signature))
    return signer == card.operator and signer in operators and is_recipient(card.recipient)


class Cards:
    """This operator's own card, None without a key, and those of the others it has seen."""

    def __init__(self, book: CardBook, domain: Domain, recipient: str) -> None:
        self.book, self.domain, self.recipient = book, domain, recipient
        self.own: CardMessage | None = None
        self._asked: dict[str, float] = {}

    def issue(self, signer: Signer, url: str) -> CardMessage:
        """This operator's card; signed anew only if something in it has changed."""
        kept = self.book.all().get(signer.address)
        if kept is not None and (kept.url, kept.recipient) == (url, self.recipient):
            self.own = kept
            return kept
        issued = max(int(time.time()), kept.issued + 1 if kept else 0)
        card = Card(signer.address, url, self.recipient, issued)
        self.own = card_message(card, sign(signer, card, self.domain))
        self.book.put(self.own)
        return self.own

    def recipients(self, operators: Collection[str] | None = None) -> list[str]:
        """Recipients of this operator and of those ``operators`` whose cards are known; of all
        without them."""
        known = self.book.all()
        others = (c.recipient for who, c in known.items() if operators is None or who in operators)
        return sorted({self.recipient, *others})

    def take(self, card: CardMessage, operators: Collection[str]) -> bool:
        """Keeps a genuine card; False for any other."""
        if not is_genuine(card, self.domain, operators):
            return False
        self.book.put(card)
        return True

    def refresh(self, peers: Sequence[Peer], chain: _Members) -> None:
        """Asks those peers for their cards that have not been asked for a while."""
        now = time.monotonic()
        due = [peer for peer in peers if now >= self._asked.get(peer.url, float("-inf"))]
        if not due:
            return
        operators = chain.operators()
        for peer, card in ask_all(due, lambda peer: peer.read(_CARD, "/card", MAX_CARD)):
            taken = card is not None and self.take(card, operators)
            self._asked[peer.url] = now + (_EVERY_SECONDS if taken else _AT_FIRST_SECONDS)

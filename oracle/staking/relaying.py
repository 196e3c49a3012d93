"""Changes of stakes that owners let the server send: by mandate, and only so."""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from oracle.chain.drafts import encoded
from oracle.chain.outbox import PendingError
from oracle.chain.signed import SignedMandate, signature_of
from oracle.errors import AssayError, InputError, RefusedError
from oracle.records.models import Models
from oracle.records.rows import ModelRow
from oracle.records.stakes import Stakes
from oracle.settlement.intents import ALL_WEI, StakeMandate
from oracle.settlement.typed_data import recover
from oracle.settlement.units import WEI_PER_UNIT
from oracle.staking.allowed import mandate_for, require_tokens
from oracle.staking.desk import StakeDesk, asked_for
from oracle.staking.held import require_held
from oracle.staking.mandates import Mandates
from oracle.staking.requests import Requests
from oracle.staking.rows import Caller, Relayed, Status, StoredMandate
from oracle.store.database import Database

_DAY = 86_400
MOST_MODELS = 64
"""That a mandate holds."""
MOST_A_ROUND = 8
"""Requests that are sent for a model and a round."""
_LONGEST_DAYS = 3_650
_log = logging.getLogger("assay.staking")


class TooManyChangesError(RefusedError):
    """The server has paid for enough."""

    code = "too_many"


@dataclass(frozen=True)
class Staking:
    """``desks`` by number of the tournament; ``count`` is told the account of each request before
    anything is paid for it, and may refuse. Every method blocks."""

    database: Database
    desks: Mapping[int, StakeDesk]
    count: Callable[[str], None] = lambda account: None
    clock: Callable[[], float] = time.time
    _at_work: set[str] = field(default_factory=set, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def mandates(self) -> Mandates:
        return Mandates(self.database)

    @property
    def requests(self) -> Requests:
        return Requests(self.database)

    def desk(self, tournament: int) -> StakeDesk:
        """Raises ``InputError`` for a tournament that is not served."""
        if tournament not in self.desks:
            raise InputError(f"there is no tournament {tournament} here")
        return self.desks[tournament]

    # ------------------------------------------------------------------ mandates

    def wanted(
        self,
        caller: Caller,
        tournament: int,
        models: Collection[int],
        max_deposit: int,
        days: int,
        max_release: int | None = None,
    ) -> StakeMandate:
        """What an owner may sign for this server: amounts in U, releases without a bound with None.

        Raises ``InputError`` for what no mandate can hold.
        """
        desk, owner = self.desk(tournament), caller.signed_in().address
        if desk.relayer is None:
            raise _no_relayer()
        if not 0 < len(set(models)) <= MOST_MODELS:
            raise InputError(f"a mandate names 1 to {MOST_MODELS} models")
        if not 0 < days <= _LONGEST_DAYS:
            raise InputError(f"a mandate lasts 1 to {_LONGEST_DAYS} days")
        return StakeMandate(
            pool=desk.reader.addresses.pool,
            owner=owner,
            relayer=desk.relayer,
            models=tuple(sorted(set(models))),
            max_deposit=max_deposit * WEI_PER_UNIT,
            max_release=ALL_WEI if max_release is None else max_release * WEI_PER_UNIT,
            expiry=desk.now() + days * _DAY,
            salt=secrets.randbits(53),
        )

    def store_mandate(
        self, caller: Caller, tournament: int, signed: SignedMandate
    ) -> StoredMandate:
        """Keeps a mandate that the caller signed for this server's relayer.

        Raises ``InputError`` for one that this server cannot use, ``RefusedError`` where somebody
        else signed.
        """
        desk, owner = self.desk(tournament), caller.signed_in().address
        if desk.relayer is None:
            raise _no_relayer()
        mandate, where = signed.struct(), desk.reader.addresses
        meant = (signed.chain_id, signed.relay.lower(), mandate.pool.lower())
        if meant != (where.chain_id, where.relay.lower(), where.pool.lower()):
            raise InputError(f"the mandate is not for tournament {tournament} of this server")
        if mandate.relayer.lower() != desk.relayer.lower():
            raise InputError(
                f"the mandate is for the relayer {mandate.relayer}",
                f"name this server's: {desk.relayer}",
            )
        if desk.now() > mandate.expiry:
            raise InputError("the mandate has expired")
        if len(mandate.models) > MOST_MODELS:
            raise InputError(f"a mandate names at most {MOST_MODELS} models")
        signer = recover(mandate, desk.domain, signature_of(signed))
        is_his = signer is not None and signer.lower() == mandate.owner.lower()
        if not is_his or mandate.owner.lower() != owner.lower():
            raise RefusedError(
                "the mandate is not signed by this account's wallet",
                "sign it with the wallet that you sign in with",
            )
        self._require_his(tournament, mandate)
        return self.mandates.keep(tournament, signed, int(self.clock()), desk.now())

    def _require_his(self, tournament: int, mandate: StakeMandate) -> None:
        """Whoever has no model here has nothing kept."""
        known = Models(self.database).by_id(tournament, mandate.models)
        if not any(row.owner.lower() == mandate.owner.lower() for row in known):
            raise InputError(
                "the mandate names no model of this account's",
                "name your own; one that was just registered is known in a few minutes",
            )

    # ------------------------------------------------------------------ requests

    def change(
        self, caller: Caller, tournament: int, model: ModelRow, amount: int | None, action: str
    ) -> Relayed:
        """Sends a request for a model of the caller's, ``amount`` in U or None to release all.

        Raises ``MandateNeededError``, naming the page to sign at, where no mandate allows it;
        ``RefusedError`` where the contract refuses, and then nothing was sent. One that is in no
        block in time is ``pending``: ``tend`` goes on with it.
        """
        desk = self.desk(tournament)
        account = caller.signed_in()
        if model.tournament != tournament or not caller.owns(model.owner):
            raise InputError("this model is not yours in this tournament")
        asked = asked_for(action, amount)
        if desk.outbox is None:
            raise _no_relayer()
        given = self.mandates.of(tournament, model.owner)
        stored = mandate_for(desk, given, model.model, asked)
        require_tokens(desk, model.owner, model.model, asked)
        known = Stakes(self.database).waiting(tournament, [model.model])
        require_held(desk, model.model, asked, known)
        target = desk.reader.target()
        self._require_few(tournament, model.model, target)
        self.count(account.id)
        row = Relayed(
            id=str(uuid4()),
            tournament=tournament,
            account=account.id,
            model=model.model,
            action=asked.action,
            amount=amount,
            mandate=stored.hash,
            round=target,
            transaction=None,
            status=Status.PENDING,
            requested_at=int(self.clock()),
        )
        return self._sent(desk, stored, row)

    def _require_few(self, tournament: int, model: int, target: int) -> None:
        """Requests of one round add up, so that nobody needs many."""
        if self.requests.of_round(tournament, model, target) >= MOST_A_ROUND:
            raise TooManyChangesError(
                f"{MOST_A_ROUND} changes of this model were sent for round {target}",
                "wait for the next round, or send the transactions yourself",
            )

    def _sent(self, desk: StakeDesk, stored: StoredMandate, row: Relayed) -> Relayed:
        """The row as it stands once its transaction is in a block, or is waited for."""
        outbox = desk.outbox
        assert outbox is not None
        call = self._call(desk, stored, row)
        with self._lock:
            self._at_work.add(row.id)
        try:
            self.requests.keep(row)
            try:
                receipt = outbox.send(call)
            except PendingError:
                sent = outbox.store.waiting(outbox.signer.address, str(call.address), encoded(call))
                row = replace(row, transaction=None if sent is None else sent.hash)
            except RefusedError:
                self.requests.keep(replace(row, status=Status.FAILED))
                raise
            else:
                hashed = bytes(receipt["transactionHash"])
                row = replace(row, transaction=hashed, status=Status.MINED)
            self.requests.keep(row)
            return row
        finally:
            with self._lock:
                self._at_work.discard(row.id)

    # ------------------------------------------------------------------ afterwards

    def tend(self) -> int:
        """Brings open transactions on, and says of each request what became of it. Returns how
        many requests changed."""
        trouble: AssayError | None = None
        seen, changed = set[int](), 0
        for desk in self.desks.values():
            if desk.outbox is None:
                continue
            try:
                if id(desk.outbox) not in seen:
                    seen.add(id(desk.outbox))
                    desk.outbox.tend(desk.reader.finalized())
                changed += self._look_again(desk)
            except AssayError as error:
                trouble = trouble or error
        if trouble is not None:
            raise trouble
        return changed

    def _look_again(self, desk: StakeDesk) -> int:
        changed = 0
        for row in self.requests.open(desk.tournament):
            with self._lock:
                is_at_work = row.id in self._at_work
            if is_at_work:
                continue
            found = self._as_sent(desk, row)
            if found != row:
                self.requests.keep(found)
                changed += 1
        return changed

    def _as_sent(self, desk: StakeDesk, row: Relayed) -> Relayed:
        """A row by what is kept of its transactions: several of one nonce, or none where the
        process ended before it sent anything."""
        outbox, stored = desk.outbox, self.mandates.by_hash(row.tournament, row.mandate)
        assert outbox is not None
        if stored is None:
            return replace(row, status=Status.FAILED)
        nonces = self.requests.nonces(
            (desk.reader.addresses.chain_id, outbox.signer.address),
            hashed=row.transaction,
            data=encoded(self._call(desk, stored, row)),
            since=row.requested_at,
        )
        group = outbox.store.of_nonce(outbox.signer.address, nonces[0]) if nonces else []
        current = next((one for one in group if one.block_hash is not None), None)
        current = current or (group[-1] if group else None)
        if current is None:
            _log.warning("request %s was never sent", row.id)
            return replace(row, status=Status.FAILED)
        is_known = current.status in tuple(Status)
        status = Status(current.status) if is_known else Status.FAILED  # something else was sent
        return replace(row, transaction=current.hash, status=status)

    def _call(self, desk: StakeDesk, stored: StoredMandate, row: Relayed) -> Any:
        asked = asked_for(row.action, row.amount)
        assert row.round is not None
        return desk.call(stored.mandate, stored.signature, row.model, asked, row.round)


def _no_relayer() -> RefusedError:
    return RefusedError(
        "this server has no account that sends for others",
        "send the transactions yourself: /v1/models/<id>/transactions prepares them",
    )

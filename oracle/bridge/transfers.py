"""Transfers between the chains, each kept in a file of its own so that a crash forgets nothing.

A transaction is written down, signed, before any node gets it. Whoever takes the transfer up again
looks for what was sent before anything is sent. The chains say where a transfer stands; ``stage``
is what they said last.
"""

import fcntl
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from oracle.chain.addresses import Address
from oracle.errors import InputError, RefusedError
from oracle.store.artefacts import write_file
from oracle.store.documents import load_document

SCHEMA = "assay/transfer/1"
_LOCK_SECONDS = 30
_ID = re.compile(r"[dw]-[0-9a-f]{12}")


class Kind(StrEnum):
    """To the child chain, or back to the root chain."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"


class Stage(StrEnum):
    """How far a transfer is; a deposit's and a withdrawal's in the order of ``STAGES``."""

    APPROVING = "approving"
    LOCKED = "locked"
    SYNCED = "synced"
    USABLE = "usable"
    FAILED = "failed"
    BURNING = "burning"
    BURNT = "burnt"
    CHECKPOINTED = "checkpointed"
    EXITED = "exited"


STAGES: Mapping[Kind, tuple[Stage, ...]] = {
    Kind.DEPOSIT: (Stage.APPROVING, Stage.LOCKED, Stage.SYNCED, Stage.USABLE),
    Kind.WITHDRAWAL: (Stage.BURNING, Stage.BURNT, Stage.CHECKPOINTED, Stage.EXITED),
}
"""``FAILED`` stands beside ``SYNCED``: the child chain refused the message, and can be asked again
by ``replay``."""

_Hash = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]
_Raw = Annotated[str, Field(pattern=r"^0x([0-9a-f]{2})+$")]


class _Part(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)


class SentTransaction(_Part):
    """A signed transaction, perhaps sent; ``head`` is the chain's newest block when it was signed.

    Those of one step have the same nonce, so that at most one of them is ever mined; the last
    offers the most. ``max_fee`` and ``tip`` are in wei per gas.
    """

    chain_id: int = Field(ge=1)
    sender: Address
    nonce: int = Field(ge=0)
    hash: _Hash
    raw: _Raw
    gas: int = Field(gt=0)
    max_fee: int = Field(ge=0)
    tip: int = Field(ge=0)
    head: int = Field(ge=0)

    @property
    def digest(self) -> bytes:
        return bytes.fromhex(self.hash[2:])

    @property
    def data(self) -> bytes:
        return bytes.fromhex(self.raw[2:])


class Transfer(_Part):
    """One deposit or withdrawal. ``wei`` is its amount, ``to`` who gets it on the other chain.

    ``times`` are block timestamps in seconds by stage; ``sync`` a deposit's state-sync id once it
    is known. A ``settled`` transfer is over, and so are the blocks that say so.
    """

    format: Literal["assay/transfer/1"] = Field(SCHEMA, alias="schema")
    id: str = Field(pattern=f"^{_ID.pattern}$")
    kind: Kind
    account: Address
    to: Address
    wei: int = Field(gt=0)
    started_at: int = Field(ge=0)
    stage: Stage
    steps: dict[str, tuple[SentTransaction, ...]] = {}
    times: dict[Stage, int] = {}
    sync: int | None = None
    settled: bool = False

    def put(self, **changes: object) -> "Transfer":
        """The same with some fields changed."""
        return self.model_copy(update=changes)

    def sent(self, step: str) -> tuple[SentTransaction, ...]:
        """What was signed for ``step``."""
        return self.steps.get(step, ())

    def with_sent(self, step: str, *transactions: SentTransaction) -> "Transfer":
        """The same with these as all that was signed for ``step``."""
        return self.put(steps={**self.steps, step: transactions})

    def at(self, stage: Stage, when: int | None = None) -> "Transfer":
        """The same at ``stage``, reached at ``when``; what is known of later stages goes."""
        order = STAGES[self.kind]
        place = order.index(Stage.SYNCED if stage is Stage.FAILED else stage)
        times = {s: t for s, t in self.times.items() if s in order[:place]}
        if when is not None:
            times[stage] = when
        return self.put(stage=stage, times=times)

    @property
    def is_over(self) -> bool:
        """Whether the amount is where it should be."""
        return self.stage in (Stage.USABLE, Stage.EXITED)


def new_transfer(kind: Kind, account: str, to: str, wei: int) -> Transfer:
    """A transfer of which nothing is done yet."""
    return Transfer(
        schema=SCHEMA,
        id=f"{kind[0]}-{secrets.token_hex(6)}",
        kind=kind,
        account=account,
        to=to,
        wei=wei,
        started_at=int(time.time()),
        stage=STAGES[kind][0],
    )


class TransferFiles:
    """The transfers between two chains that were started on this machine."""

    def __init__(self, home: Path, root_chain: int, child_chain: int) -> None:
        self.folder = home / "bridge" / f"{root_chain}-{child_chain}"

    def all(self) -> list[Transfer]:
        """By the time at which they were started."""
        found = [self._read(path) for path in self.folder.glob("*.json")]
        return sorted(found, key=lambda one: (one.started_at, one.id))

    def forget(self, transfer: Transfer) -> None:
        """Removes the file of a transfer of which nothing was ever sent."""
        self._path(transfer.id).unlink(missing_ok=True)

    def load(self, id: str) -> Transfer:
        if not _ID.fullmatch(id):
            raise InputError(f"{id!r} is not the id of a transfer", "see `assay bridge status`")
        path = self._path(id)
        if not path.exists():
            raise InputError(f"there is no transfer {id} here", f"they are kept in {self.folder}")
        return self._read(path)

    def save(self, transfer: Transfer) -> None:
        """Replaces the transfer's file in one step; it is on the disk when this returns."""
        text = transfer.model_dump_json(by_alias=True, indent=1)
        try:
            write_file(self._path(transfer.id), text.encode() + b"\n")
        except OSError as error:
            raise InputError(
                f"cannot write to {self.folder}: {error.strerror}",
                "name a folder you may write to by ASSAY_HOME; nothing was sent",
            ) from None

    @contextmanager
    def only_one(self) -> Iterator[None]:
        """Keeps other processes from sending at the same time: two would use the same nonces."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "lock").open("w")
        except OSError as error:
            raise InputError(
                f"cannot write to {self.folder}: {error.strerror}",
                "name a folder you may write to by ASSAY_HOME",
            ) from None
        with lock:
            deadline = time.monotonic() + _LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise RefusedError(
                            f"another process sends transfers of {self.folder}",
                            "wait until it is done",
                        ) from None
                    time.sleep(0.05)
            yield

    def _path(self, id: str) -> Path:
        return self.folder / f"{id}.json"

    def _read(self, path: Path) -> Transfer:
        transfer = load_document(
            path,
            Transfer,
            "a transfer",
            "look the account's transactions up on both chains before moving the file away",
        )
        if path.stem != transfer.id or transfer.stage not in (*STAGES[transfer.kind], Stage.FAILED):
            raise InputError(f"{path} is not the file of transfer {transfer.id}")
        return transfer

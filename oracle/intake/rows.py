"""What people sent, as it is kept. Times in seconds since 1970, by the wall's clock."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Purpose(StrEnum):
    """What an upload is for."""

    SUBMISSION = "submission"
    DIAGNOSTICS = "diagnostics"
    PICKLE = "pickle"


class Status(StrEnum):
    """What became of a submission. ``queued``: late, and kept for the next round. ``sending``: it
    is being sent. ``partial``: operators have it, but fewer than must; it may count in the end."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    QUEUED = "queued"
    SENDING = "sending"
    PARTIAL = "partial"


class _Account(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def address(self) -> str: ...


class Caller(Protocol):
    """Who asks; `oracle.accounts` has the real one."""

    def signed_in(self) -> _Account: ...
    def owns(self, owner: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class UploadAuth:
    """The name under which the server knows a file, and where to put it or get it from."""

    filename: str
    url: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that somebody may send, or has sent. ``state``: open, stored, used."""

    id: str
    account: str
    tournament: int
    model: int
    purpose: str
    filename: str
    key: str
    max_bytes: int
    sha256: bytes | None
    size: int | None
    state: str
    created_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class Submission:
    """A file for a round. ``status`` is a ``Status``, ``reason`` why it was not accepted.

    ``sequence``: when it came, in milliseconds; of a model's files for a round the last counts.
    ``queued_from``: the round that it was late for. ``receipts``: JSON of the operators' receipts,
    in the form of ``ReceiptsFile``, or empty. ``selected``: the one of its model that counts.
    """

    id: str
    tournament: int
    round: int
    model: int
    account: str
    filename: str
    key: str
    sha256: bytes
    size: int
    sequence: int | None
    signature: bytes | None
    status: str
    reason: str
    late: bool
    queued_from: int | None
    source: str | None
    trigger_id: str | None
    data_datestamp: int | None
    receipts: str
    inserted_at: int
    selected: bool = False


@dataclass(frozen=True, slots=True)
class Pickle:
    """An uploaded model. ``status`` is Pending until something runs it; ``reason`` says why."""

    id: str
    account: str
    tournament: int
    model: int
    filename: str
    key: str
    sha256: bytes
    data_version: str | None
    docker_image: str | None
    status: str
    reason: str
    inserted_at: int


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file of a data set. ``round`` 0: of every round."""

    tournament: int
    round: int
    filename: str
    sha256: bytes
    size: int
    key: str
    published_at: int

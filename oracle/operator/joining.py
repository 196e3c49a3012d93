"""Requests to join: what a tournament's governor needs to know of a new operator, and checks.

An operator becomes one by ``RoundOracle.rotate``, which only the governor may call: a timelock, so
that everybody sees the change days before.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from eth_utils import to_checksum_address
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from oracle.chain.abi import abi
from oracle.chain.reader import PoolReader
from oracle.chain.rpc import readable
from oracle.chain.signing import Signer, sign
from oracle.errors import InputError, RefusedError, UnreachableError
from oracle.operator.cards import is_genuine
from oracle.settlement.typed_data import Card, Domain
from oracle.settlement.wire import CardMessage, card_message

_MAX_BYTES = 10_000
_SALT = bytes(32)


class JoinRequest(BaseModel):
    """A new operator's card for one tournament, signed with its key."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)

    format: Literal["assay/join/1"] = Field(default="assay/join/1", alias="schema")
    chain_id: int = Field(ge=1)
    pool: str = Field(pattern=r"^0x[0-9a-fA-F]{40}$")
    card: CardMessage

    @property
    def domain(self) -> Domain:
        return Domain(self.chain_id, to_checksum_address(self.pool))

    @property
    def address(self) -> str:
        return self.card.operator

    def text(self) -> str:
        return self.model_dump_json(by_alias=True, indent=2) + "\n"

    def is_genuine(self) -> bool:
        """Whether whoever holds the operator's key signed all of it."""
        return is_genuine(self.card, self.domain, [self.address])


def request_to_join(
    signer: Signer, *, chain_id: int, pool: str, url: str, recipient: str
) -> JoinRequest:
    """A request signed now; ``pool`` with its checksum."""
    card = Card(signer.address, url, recipient, int(time.time()))
    signature = sign(signer, card, Domain(chain_id, pool))
    message = {"chain_id": chain_id, "pool": pool, "card": card_message(card, signature)}
    return JoinRequest.model_validate(message)


def load_request(path: Path) -> JoinRequest:
    """The request in a file. Raises ``InputError`` for another file, ``RefusedError`` for one that
    is not signed by its operator's key."""
    try:
        with path.open("rb") as file:
            request = JoinRequest.model_validate_json(file.read(_MAX_BYTES))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(
            f"{path} is no request to join: {where}: {first['msg']}",
            "ask for the join.json that `assay operator init` wrote",
        ) from None
    if not request.is_genuine():
        raise RefusedError(
            f"{path} is not signed by {request.address}",
            "it was changed on its way, or is of another tournament; ask for it anew",
        )
    return request


@dataclass(frozen=True, slots=True)
class Call:
    """A call for somebody to send: ``data`` in hex."""

    what: str
    to: str
    data: str


@dataclass(frozen=True, slots=True)
class Rotation:
    """A change of operators that the contract would take, and the calls that bring it about.

    ``delay`` is the timelock's, in seconds; None where the governor is no timelock. ``data`` is the
    call of ``RoundOracle.rotate`` that all comes to.
    """

    epoch: int
    threshold: int
    super_quorum: int
    members: list[str]
    governor: str
    delay: int | None
    data: str
    calls: list[Call]


def plan_rotation(
    reader: PoolReader,
    added: Sequence[str],
    retired: Sequence[str],
    threshold: int | None = None,
    super_quorum: int | None = None,
) -> Rotation:
    """Asks the contract whether it would take the change; numbers not given stay as they are.

    Raises ``RefusedError`` with the contract's reason where it would not.
    """
    oracle = reader.oracle.functions
    following = reader.state()["last_announced"] + 1
    threshold = reader.needed(following) if threshold is None else threshold
    with readable(reader.url):
        governor = oracle.GOVERNOR().call()
        if super_quorum is None:
            super_quorum = int(oracle.super_quorum().call())
    call = oracle.rotate(list(added), list(retired), threshold, super_quorum)
    try:
        with readable(reader.url):
            epoch = call.call({"from": governor})
    except RefusedError as error:
        raise RefusedError(
            error.message,
            f"{len(added)} join, {len(retired)} leave, {threshold} must sign, {super_quorum} "
            "answer a challenge: name others with --retire, --threshold and --super-quorum",
        ) from None
    gone = {address.lower() for address in retired}
    staying = [who for who in reader.members(following) if who.lower() not in gone]
    data = call._encode_transaction_data()
    delay, calls = _calls(reader, governor, data)
    return Rotation(
        epoch, threshold, super_quorum, [*staying, *added], governor, delay, data, calls
    )


def _calls(reader: PoolReader, governor: str, data: str) -> tuple[int | None, list[Call]]:
    timelock = reader.web3.eth.contract(address=to_checksum_address(governor), abi=abi("Timelock"))
    target = reader.addresses.oracle
    try:
        with readable(reader.url):
            delay = timelock.functions.DELAY().call()
    except (RefusedError, UnreachableError):
        return None, [Call("rotate", target, data)]
    arguments = (target, bytes.fromhex(data.removeprefix("0x")), _SALT)
    propose, execute = timelock.functions.propose, timelock.functions.execute
    return delay, [
        Call("propose", governor, propose(*arguments)._encode_transaction_data()),
        Call("execute", governor, execute(*arguments)._encode_transaction_data()),
    ]

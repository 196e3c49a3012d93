"""One JSON-RPC endpoint, with errors a person can act on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
from web3 import Web3
from web3.exceptions import BlockNotFound, ContractLogicError, Web3Exception
from web3.types import BlockIdentifier

from oracle.errors import InputError, RefusedError, UnreachableError

_TIMEOUT_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Block:
    """A block a reading is pinned to; ``hash`` is 0x hex, ``timestamp`` in seconds."""

    number: int
    hash: str
    timestamp: int


def _checked(url: str) -> None:
    """Refuses what is no HTTP address, without repeating it: addresses often hold a secret."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise InputError(
            "the RPC address is not of the form http://host:port", "pass it again, corrected"
        )


def host(url: str) -> str:
    """The endpoint without path and credentials: endpoint URLs often hold a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def revert_reason(error: ContractLogicError) -> str:
    """The contract's ``module: reason`` text."""
    return str(error.message or error).removeprefix("execution reverted:").strip()


@contextmanager
def readable(url: str) -> Iterator[None]:
    """Turns what web3 and requests raise into errors of this project."""
    try:
        yield
    except ContractLogicError as error:
        raise RefusedError(
            f"the contract refuses: {revert_reason(error)}",
            "nothing was changed; docs/contracts.md lists the reasons",
        ) from error
    except BlockNotFound as error:
        raise UnreachableError(
            f"{host(url)} does not know a block it was asked for",
            "use an endpoint that keeps history (an archive node)",
        ) from error
    except (requests.RequestException, ConnectionError, TimeoutError) as error:
        raise UnreachableError(
            f"no answer from {host(url)}", "check that the node runs and the URL is right"
        ) from error
    except Web3Exception as error:
        raise UnreachableError(f"{host(url)} answered with an error: {error}") from error


def connect(url: str, chain_id: int | None = None) -> Web3:
    """A client for ``url``; checks that it answers and, if given, for which chain."""
    _checked(url)
    web3 = Web3(Web3.HTTPProvider(url, request_kwargs={"timeout": _TIMEOUT_SECONDS}))
    with readable(url):
        answered = web3.eth.chain_id
    if chain_id is not None and answered != chain_id:
        raise UnreachableError(
            f"{host(url)} serves chain {answered}, expected chain {chain_id}",
            "pass the RPC address of the right chain",
        )
    return web3


def block(web3: Web3, which: BlockIdentifier) -> Block:
    found = web3.eth.get_block(which)
    return Block(found["number"], "0x" + bytes(found["hash"]).hex(), found["timestamp"])


def last_block_before(web3: Web3, timestamp: int, newest: Block) -> Block:
    """The last block with a timestamp below ``timestamp``, at or before ``newest``."""
    low, high = 0, newest.number
    while low < high:
        middle = (low + high + 1) // 2
        if web3.eth.get_block(middle)["timestamp"] < timestamp:
            low = middle
        else:
            high = middle - 1
    return block(web3, low)

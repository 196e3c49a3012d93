"""A chain behind one or several JSON-RPC endpoints, with errors a person can act on."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
from web3 import Web3
from web3.exceptions import BlockNotFound, ContractLogicError, Web3Exception
from web3.middleware import ExtraDataToPOAMiddleware
from web3.types import BlockIdentifier

from oracle.chain.endpoint import host
from oracle.chain.endpoints import Endpoints
from oracle.chain.provider import EndpointsProvider
from oracle.errors import InputError, RefusedError, UnreachableError

AGREE = 2
"""Endpoints that must give the same answer, where there are so many."""
STALE_SECONDS = 30.0
"""How far an endpoint's newest block may lie behind another's."""


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


def connect(
    urls: str | Sequence[str],
    chain_id: int | None = None,
    agree: int = AGREE,
    *,
    solo: bool = True,
    stale_seconds: float = STALE_SECONDS,
) -> Web3:
    """A client for the chain at one or several addresses; ``endpoints_of`` tells their health.

    Answers that cannot change are asked of ``agree`` endpoints; with ``solo`` false nothing is
    answered while fewer than these are healthy. Raises UnreachableError where no endpoint answers,
    or for another chain than ``chain_id``.
    """
    addresses = [urls] if isinstance(urls, str) else list(dict.fromkeys(urls))
    if not addresses:
        raise InputError("no RPC address is given", "pass at least one, http://host:port")
    for url in addresses:
        _checked(url)
    endpoints = Endpoints(addresses, chain_id, agree=agree, solo=solo, stale_seconds=stale_seconds)
    _ = endpoints.chain_id  # asks
    web3 = Web3(EndpointsProvider(endpoints))
    # Polygon's blocks have more in extraData than web3 lets pass.
    web3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
    return web3


def endpoints_of(web3: Web3) -> Endpoints:
    """The endpoints behind a client made by ``connect``."""
    assert isinstance(web3.provider, EndpointsProvider), "a client of connect"
    return web3.provider.endpoints


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

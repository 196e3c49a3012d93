"""What scripts say when they cannot go on."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from ape import networks
from ape.exceptions import ApeException
from web3 import Web3

from oracle.chain.rpc import readable
from oracle.errors import AssayError, RefusedError


class _Refusal(click.ClickException):
    def __init__(self, error: AssayError) -> None:
        super().__init__("; ".join(filter(None, (error.message, error.fix))))
        self.exit_code = int(error.exit_code)


@contextmanager
def readable_errors() -> Iterator[Web3]:
    """Hands out the network's client; what is wrong becomes one line and its exit code."""
    provider = networks.provider
    try:
        try:
            with readable(getattr(provider, "uri", "") or provider.name):
                yield provider.web3
        except ApeException as error:
            raise RefusedError(str(error)) from error
    except AssayError as error:
        raise _Refusal(error) from error

"""``assay devnet faucet``: NMR and gas for an address."""

import click
from eth_utils import is_address, to_checksum_address

from oracle.cli.options import Nmr
from oracle.cli.output import Output, with_output
from oracle.errors import InputError
from oracle.settlement.units import UNITS_PER_NMR, WEI_PER_UNIT, nmr

_WEI = 10**18


@click.command("faucet")
@click.argument("address")
@click.option(
    "--nmr",
    "units",
    type=Nmr(),
    default=100 * UNITS_PER_NMR,
    show_default="100",
    help="How much NMR, on each chain.",
)
@click.option(
    "--coin",
    type=click.IntRange(1, 1_000),
    default=10,
    show_default=True,
    help="How much of the chains' own coin, which pays for gas, on each chain.",
)
@with_output
def faucet(address: str, units: int, coin: int, out: Output) -> None:
    """Give ADDRESS NMR and gas on both chains of the devnet here.

    The NMR on the tournament's chain comes over the bridge, like anybody's. It has no value.

    \b
    Example:
      assay devnet faucet 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --nmr 50
    """
    from oracle.cli.devnet import _running
    from oracle.devnet.faucet import give

    if not is_address(address):
        raise InputError(f"{address[:80]!a} is no address", "0x and 40 hex digits")
    net = _running()
    with out.console.status("waiting for the bridge"):
        given = give(net, to_checksum_address(address), units * WEI_PER_UNIT, coin * _WEI)
    out.say(f"{given.address} has got {nmr(units)} NMR and {coin} coins more, on each chain")
    out.result({"address": given.address, "nmr": nmr(units), "coin": str(coin)})

"""``assay models``: registering models and looking them up."""

import click
from eth_utils import is_address, keccak, to_checksum_address

from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.cli.options import with_reader, with_writer
from oracle.cli.output import Output, with_output
from oracle.errors import InputError
from oracle.settlement.units import nmr


@click.group("models")
def command() -> None:
    """Register models and look them up."""


@command.command("register")
@click.argument("name")
@click.option("--payout", help="Where claims are paid; the account itself without it.")
@with_writer
@with_output
def register(name: str, payout: str | None, writer: PoolWriter, out: Output) -> None:
    """Register a model under NAME; prints its id. The chain keeps the name's hash only."""
    account = writer.sender.account.address
    if payout is not None and not is_address(payout):
        raise InputError(f"--payout {payout!r} is not an address")
    to = to_checksum_address(payout) if payout else account
    model = writer.register(keccak(text=name), to)
    out.say(f"model {model}: {name}, owner {account}, paid to {to}")
    out.result({"model": model, "name": name, "owner": account, "payout": to})


@command.command("list")
@with_reader
@with_output
def list_command(reader: PoolReader, out: Output) -> None:
    """List all models with owner, stake and claimable amount."""
    block = reader.newest()
    pool = reader.pool_at(block.number)
    rows = [
        {
            "model": model,
            "owner": reader.owner_of(model, block.number),
            "stake": nmr(pool.lane(model).stake),
            "claimable": nmr(pool.out.get(model, 0)),
        }
        for model in range(reader.models(block.number))
    ]
    out.table(
        f"Models at block {block.number} (NMR)",
        (">model", "owner", ">stake", ">claimable"),
        (row.values() for row in rows),
    )
    out.result({"block": block.number, "models": rows})

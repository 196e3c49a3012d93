"""``assay targets``: a data provider's targets in the operators' vaults."""

import hashlib
from pathlib import Path

import click

from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.cli.options import with_reader, with_writer
from oracle.cli.output import Output, with_output
from oracle.cli.times import utc
from oracle.errors import InputError, UnreachableError
from oracle.settlement.typed_data import Domain

_operator_option = click.option(
    "--operator",
    "operators",
    multiple=True,
    help="An operator's address, http://...; may be given more than once.  [default: the devnet's]",
)
_round_option = click.option(
    "--round", "number", type=click.IntRange(1), required=True, help="Number of the round."
)


@click.group("targets")
def command() -> None:
    """Give operators a round's targets ahead of their time, or look at what they have."""


@command.command("put")
@click.argument("file", type=click.Path(path_type=Path))
@_round_option
@click.option(
    "--release-at",
    type=click.IntRange(0),
    help="From when the operators may use them, seconds since 1970.  [default: the horizon's end]",
)
@_operator_option
@with_writer
@with_output
def put_command(
    file: Path,
    number: int,
    release_at: int | None,
    operators: tuple[str, ...],
    writer: PoolWriter,
    out: Output,
) -> None:
    """Put the targets in FILE (docs/formats.md, section 9), signed by their provider, into the
    operators' vaults. They are encrypted to the operators on the way and at rest.

    \b
    Example:
      assay targets put targets.csv --round 3 --dev-account 9
    """
    from oracle.cli.devnet import operator_urls
    from oracle.operator.client import put_targets

    try:
        raw = file.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}") from None
    reader = writer.reader
    announced = reader.announced(number)
    if announced is None:
        raise InputError(f"round {number} is not announced")
    taken, failures = put_targets(
        raw,
        number,
        announced.closes + announced.horizon if release_at is None else release_at,
        writer.sender.signer,
        Domain(reader.addresses.chain_id, reader.addresses.pool),
        list(operators) or operator_urls(),
        reader.signers(number),
    )
    sha256 = "0x" + hashlib.sha256(raw).hexdigest()
    for url, kept in taken.items():
        if kept.sha256 == sha256:
            out.say(f"[green]ok[/] {url} releases them at {utc(kept.release_at)}")
        else:
            out.say(f"[yellow]kept[/] {url} has others, released at {utc(kept.release_at)}")
    for url, refusal in failures.items():
        out.say(f"[red]no[/] {url}: {refusal.message}")
    out.result(
        {
            "round": number,
            "sha256": sha256,
            "vaults": {url: kept.model_dump() for url, kept in taken.items()},
            "failures": {url: error.message for url, error in failures.items()},
        }
    )


@command.command("show")
@_round_option
@_operator_option
@with_reader
@with_output
def show_command(number: int, operators: tuple[str, ...], reader: PoolReader, out: Output) -> None:
    """Show which targets the operators' vaults hold for a round, and from when they count.

    \b
    Example:
      assay targets show --round 3
    """
    from oracle.cli.devnet import operator_urls
    from oracle.operator.client import vaults

    kept, failures = vaults(number, list(operators) or operator_urls())
    now = reader.newest().timestamp
    for url, entry in kept.items():
        if entry is None:
            out.say(f"{url} has none")
        else:
            state = "released" if now >= entry.release_at else "from"
            out.say(f"{url} {entry.sha256} {state} {utc(entry.release_at)}")
    for url, refusal in failures.items():
        out.say(f"[red]no[/] {url}: {refusal.message}")
    if failures and not kept:
        raise UnreachableError("no operator answers")
    out.result(
        {
            "round": number,
            "vaults": {url: entry and entry.model_dump() for url, entry in kept.items()},
            "failures": {url: error.message for url, error in failures.items()},
        }
    )

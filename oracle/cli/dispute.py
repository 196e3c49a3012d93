"""``assay dispute``: from a receipt that was not honoured to a challenge."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from oracle.chain.reader import PoolReader
from oracle.cli.options import Nmr, key_options, open_writer, with_reader
from oracle.cli.output import Output, with_output
from oracle.cli.times import utc
from oracle.errors import AssayError, InputError, RefusedError

if TYPE_CHECKING:
    from oracle.verification.dispute import Case, Terms


@click.command("dispute")
@click.argument("receipts", type=click.Path(path_type=Path))
@click.option(
    "--artefacts",
    multiple=True,
    metavar="FOLDER|URL",
    help="Where the round's artefacts are: a folder, an operator or a store; may be given more "
    "than once.  [default: the operators]",
)
@click.option(
    "--operator",
    "operators",
    multiple=True,
    metavar="URL",
    help="Operators to give the evidence to; may be given more than once.  [default: the devnet's]",
)
@click.option("--max-bond", type=Nmr(), help="Challenge only if the bond is at most this.")
@click.option(
    "--even-if-refused",
    is_flag=True,
    help="Challenge even if no operator took the evidence: they may answer without it.",
)
@click.option("--dry-run", is_flag=True, help="Show evidence, bond and deadline; send nothing.")
@key_options
@with_reader
@with_output
def command(
    receipts: Path,
    artefacts: tuple[str, ...],
    operators: tuple[str, ...],
    max_bond: int | None,
    even_if_refused: bool,
    dry_run: bool,
    key: Path | None,
    password_file: Path | None,
    dev_account: int | None,
    reader: PoolReader,
    out: Output,
) -> None:
    """Challenge a round that leaves out a submission its operators signed receipts for.

    RECEIPTS is the file that `assay submit` wrote beside the submission, as
    <file>.<round>-<model>.receipts.json. The round's published list is compared with it. If the
    submission is not listed, or is listed as late although enough receipts are from before the
    close, the proof is written to <file>.evidence.json, given to the operators, and its SHA-256
    named in a challenge.

    A challenge takes a bond from your account: 0.1 % of all stake, at least 100 NMR. It comes back
    if the operators replace the result or do not answer, and is burned if they confirm it. A round
    can be challenged once, until its result is final. Start with --dry-run, which needs no key.

    \b
    Examples:
      assay dispute preds.csv.7-3.receipts.json --operator http://op1.example --dry-run
      assay dispute preds.csv.7-3.receipts.json --operator http://op1.example \\
          --operator http://op2.example --key key.json --password-file password
    """
    from oracle.settlement.manifest import hex32
    from oracle.store.artefacts import write_file
    from oracle.verification.dispute import (
        challenge,
        examine,
        read_receipts,
        require_affordable,
        send,
        terms,
    )
    from oracle.verification.fetch import open_source

    kept = read_receipts(receipts)
    urls = list(operators) or devnet_operators(needed=not (dry_run and artefacts))
    writer = None if dry_run else open_writer(reader, key, password_file, dev_account)
    with tempfile.TemporaryDirectory() as cache:
        sources = [open_source(name) for name in (artefacts or urls)]
        case = examine(kept, reader, sources, Path(cache))
    number, told = case.evidence.round, terms(reader, case.evidence.round)
    _show(case, told, out)
    result = {
        "round": number,
        "kind": case.evidence.kind,
        "shown": case.shown,
        "evidence": hex32(case.evidence.digest()),
        "bond": _nmr(told.bond),
        "deadline": told.deadline or None,
        "super_quorum": told.super_quorum,
        "refused": told.refused,
    }
    if writer is None:
        out.say("dry run: nothing was written or sent")
        out.result({**result, "dry_run": True})
        return
    require_affordable(reader, writer.sender.signer.address, told, max_bond)
    path = receipts.with_name(receipts.name.removesuffix(".receipts.json") + ".evidence.json")
    write_file(path, case.evidence.to_bytes())
    out.say(f"evidence written to {path}")
    said = send(case.evidence, urls)
    for url, reason in said.items():
        answer = f"[red]no[/] {url}: {escape(reason)}"
        out.say(answer if reason else f"[green]ok[/] {url} took the evidence")
    if all(said.values()) and not even_if_refused:
        raise RefusedError(
            "no operator took the evidence, and without it they may confirm the result as it is",
            "try again, name more --operator, or risk the bond with --even-if-refused",
        )
    transaction = challenge(case.evidence, writer)
    out.say(f"[bold green]challenged[/] round {number} for {_nmr(told.bond)} NMR: {transaction}")
    out.say(f"[dim]  see what comes of it: assay round show {number}[/]")
    taken = {url: not reason for url, reason in said.items()}
    out.result({**result, "dry_run": False, "operators": taken, "transaction": transaction})


def devnet_operators(needed: bool) -> list[str]:
    """The running devnet's operators; none where there is no devnet and none are needed."""
    from oracle.cli.devnet import operator_urls

    try:
        return operator_urls()
    except AssayError:
        if needed:
            raise InputError(
                "no operator named", "pass --operator URL, once for each you know"
            ) from None
        return []


def _show(case: "Case", told: "Terms", out: Output) -> None:
    out.say(f"[bold]{case.evidence.kind}[/]: {case.shown}")
    rows = [
        ("evidence", "0x" + case.evidence.digest().hex()),
        ("bond", f"{_nmr(told.bond)} NMR"),
        ("until", utc(told.deadline) if told.deadline else "-"),
        ("answer by", f"{told.super_quorum} operators" if told.super_quorum else "nobody can"),
    ]
    out.table(f"A challenge of round {case.evidence.round}", ("", ""), rows)
    if not told.super_quorum:
        out.say("[dim]There is no super-quorum: a challenged round ends void, without scores.[/]")
    if told.refused:
        out.say(f"[yellow]cannot be challenged:[/] {told.refused}")


def _nmr(units: int) -> str:
    from oracle.settlement.units import nmr

    return nmr(units)

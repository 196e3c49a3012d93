"""``assay submit``: sending predictions to the operators."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oracle.chain.pool import PoolWriter
from oracle.cli.options import with_later_writer
from oracle.cli.output import Output, with_output
from oracle.cli.server_options import need_token, server_option, upload_progress
from oracle.errors import EnvironmentLacksError, InputError, RefusedError
from oracle.settlement.typed_data import Domain
from oracle.store.artefacts import write_file

if TYPE_CHECKING:
    from oracle.participant.client import Client


@click.command("submit")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--model", required=True, help="The model's id; with --server its name will do.")
@click.option(
    "--round", "number", type=click.IntRange(1), help="The round; the open one without it."
)
@click.option(
    "--operator",
    "operators",
    multiple=True,
    help="An operator's address, http://...; may be given more than once.  [default: the devnet's]",
)
@click.option(
    "--recipient",
    default="",
    help="Your age recipient (age1...), to read the file again where a round stays private.",
)
@server_option
@with_later_writer
@with_output
def command(
    file: Path,
    model: str,
    number: int | None,
    operators: tuple[str, ...],
    recipient: str,
    server: "Client | None",
    open_writer: Callable[[], PoolWriter],
    out: Output,
) -> None:
    """Send the predictions in FILE (CSV or Parquet) for MODEL.

    Without --server they are signed by the model's owner and encrypted to the operators, whose
    receipts are saved as FILE.<round>-<model>.receipts.json: proof, if the file should be left out
    (`assay dispute`). With --server a tournament server does that for you, for the open round, by a
    key that you allowed to (`assay account allow`); this needs a token and no key.

    \b
    Examples:
      assay submit live_example_preds.csv --model 3 --dev-account 10
      assay submit predictions.parquet --model my-model --server URL --token-file token
    """
    if server is not None:
        if number or operators or recipient:
            raise click.UsageError("--round, --operator and --recipient do not go with --server")
        submit_by_server(file, model, server, out)
        return
    chosen = click.IntRange(0, 2**20 - 1).convert(model, None, click.get_current_context())
    _submit_directly(file, chosen, number, operators, recipient, open_writer(), out)


def _submit_directly(
    file: Path,
    model: int,
    number: int | None,
    operators: tuple[str, ...],
    recipient: str,
    writer: PoolWriter,
    out: Output,
) -> None:
    from oracle.cli.devnet import operator_urls
    from oracle.operator.client import submit

    try:
        raw = file.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}") from None
    where = writer.reader.addresses
    number = number or writer.reader.target()
    domain = Domain(where.chain_id, where.pool)
    announced = writer.reader.announced(number)
    if announced is None:
        raise RefusedError(f"round {number} is not announced", "see `assay round list`")
    sent = submit(
        raw,
        number,
        model,
        writer.sender.signer,
        domain,
        list(operators) or operator_urls(),
        writer.reader.receipts_needed(number),
        writer.reader.signers(number),
        range(announced.opens, announced.closes + announced.horizon),
        recipient,
    )
    proof = file.with_name(f"{file.name}.{number}-{model}.receipts.json")
    try:
        write_file(proof, sent.file(domain).to_bytes())
    except OSError as error:
        raise EnvironmentLacksError(
            f"the operators took the file, but {proof} cannot be written: {error.strerror}",
            "without their receipts nothing can be proven; send it again from another folder",
        ) from None
    for url, receipt in sent.receipts.items():
        late = receipt.received >= announced.closes
        out.say(
            f"[green]ok[/] {url} signed a receipt: {'late, not at risk' if late else 'on time'}"
        )
    for url, refusal in sent.failures.items():
        out.say(f"[red]no[/] {url}: {refusal.message}")
    out.say(f"receipts saved in {proof}")
    out.result(
        {
            "round": sent.key.round,
            "model": sent.key.model,
            "sha256": "0x" + sent.key.sha256.hex(),
            "sequence": sent.key.sequence,
            "receipts": {url: r.model_dump() for url, r in sent.receipts.items()},
            "receipts_file": str(proof),
            "failures": {url: error.message for url, error in sent.failures.items()},
        }
    )


def submit_by_server(file: Path, model: str, server: "Client", out: Output) -> None:
    """Sends the file through a tournament server."""
    from oracle.participant.sending import find_model, submit

    found = find_model(need_token(server), model)
    with upload_progress(out, file.name) as progress:
        made = submit(server, found["id"], file, progress)
    late = "late, not at risk" if made["late"] else "on time"
    if made["status"] == "accepted":
        out.say(f"[green]ok[/] round {made['round']}, {found['name']}: {late}")
    else:
        out.say(f"{made['status']} for round {made['round']}: {made['reason']}")
    out.say(f"its scores, once there are any: assay models scores {found['id']}")
    out.result({"model": found["id"], "name": found["name"], **made})

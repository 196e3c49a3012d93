"""``assay history``: what a model's submissions looked like to the operators."""

import click

from oracle.chain.pool import PoolWriter
from oracle.cli.options import with_writer
from oracle.cli.output import Output, with_output
from oracle.errors import AssayError, UnreachableError
from oracle.settlement.typed_data import Domain


@click.command("history")
@click.option("--model", type=click.IntRange(0, 2**20 - 1), required=True, help="The model's id.")
@click.option(
    "--operator",
    "operators",
    multiple=True,
    help="An operator's address, http://...; the first that answers.  [default: the devnet's]",
)
@with_writer
@with_output
def command(model: int, operators: tuple[str, ...], writer: PoolWriter, out: Output) -> None:
    """Show rows, ignored ids, churn and turnover of MODEL's submissions; for its owner only.

    The answer comes encrypted to a key made for this request.

    \b
    Example:
      assay history --model 3 --dev-account 10
    """
    from oracle.cli.devnet import operator_urls
    from oracle.operator.client import history

    reader = writer.reader
    domain = Domain(reader.addresses.chain_id, reader.addresses.pool)
    asked_at = reader.newest().timestamp
    failure: AssayError = UnreachableError("no operator named", "pass --operator http://...")
    for url in list(operators) or operator_urls():
        try:
            found = history(model, writer.sender.signer, domain, asked_at, url)
        except UnreachableError as error:
            failure = error
            continue
        for entry in found:
            out.say(_line(entry))
        out.result({"model": model, "operator": url, "submissions": found})
        return
    raise failure


def _line(entry: dict[str, object]) -> str:
    text = f"round {entry['round']}: {entry['rows']} rows, {entry['ignored_ids']} ids ignored"
    previous = entry["previous"]
    if not isinstance(previous, dict):
        return text
    if previous["churn"] is None:
        return f"{text}; not comparable with round {previous['round']} ({previous['reason']})"
    churn, turnover = (previous[name] / 10**9 for name in ("churn", "turnover"))
    return f"{text}; churn {churn:.4f}, turnover {turnover:.4f} from round {previous['round']}"

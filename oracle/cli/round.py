"""``assay round``: announcing rounds and looking at them."""

from datetime import UTC, datetime

import click

from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.cli.options import with_reader, with_writer
from oracle.cli.output import Output, with_output
from oracle.cli.schedule import Schedule, with_schedule
from oracle.errors import InputError
from oracle.settlement.rounds import RoundFacts, phase
from oracle.settlement.units import nmr

_PHI_ONE = 10**6


@click.group("round")
def command() -> None:
    """Announce rounds and look at them."""


@command.command("announce")
@with_schedule
@with_writer
@with_output
def announce(schedule: Schedule, writer: PoolWriter, out: Output) -> None:
    """Announce the next round; only the tournament's announcer may.

    \b
    Example, on a devnet, where account 1 announces:
      assay round announce --dev-account 1
    """
    reader = writer.reader
    number = reader.state()["last_announced"] + 1
    opens, closes, horizon = schedule.times(reader.newest().timestamp)
    writer.announce(number, opens, closes, horizon, _PHI_ONE)
    out.say(f"round {number} opens {_utc(opens)}, closes {_utc(closes)}")
    out.result({"round": number, "opens": opens, "closes": closes})


@command.command("list")
@with_reader
@with_output
def list_command(reader: PoolReader, out: Output) -> None:
    """List the announced rounds that are not settled yet."""
    block = reader.newest()
    facts = list(reader.open_rounds(block))
    out.table(
        f"Open rounds at {_utc(block.timestamp)}",
        (">round", "phase", "opens", "closes", "scores due"),
        (
            (f.number, phase(f, block.timestamp), _utc(f.opens), _utc(f.closes), _utc(f.due))
            for f in facts
        ),
    )
    out.result({"now": block.timestamp, "rounds": [_as_json(f, block.timestamp) for f in facts]})


@command.command("show")
@click.argument("number", type=click.IntRange(1, 2**32 - 1))
@with_reader
@with_output
def show(number: int, reader: PoolReader, out: Output) -> None:
    """Show where round NUMBER stands and what was announced and committed for it."""
    block = reader.newest()
    announced = reader.announced(number)
    if announced is None:
        raise InputError(f"round {number} is not announced", "see `assay round list`")
    facts = reader.facts(number, block, reader.state(block.number)["head"])
    committed = reader.committed(number)
    out.table(
        f"Round {number}",
        ("", ""),
        [
            ("phase", phase(facts, block.timestamp)),
            ("opens", _utc(facts.opens)),
            ("closes", _utc(facts.closes)),
            ("scores due", _utc(facts.due)),
            ("phi", announced.phi / _PHI_ONE),
            ("announce hash", "0x" + announced.hash().hex()),
            *(
                [
                    ("at risk", f"{nmr(committed.at_risk)} NMR"),
                    ("manifest", "0x" + committed.manifest.hex()),
                    ("batch chain", "0x" + committed.chain_head.hex()),
                ]
                if committed
                else []
            ),
        ],
    )
    out.result(
        {
            **_as_json(facts, block.timestamp),
            "phi": announced.phi,
            "announce_hash": "0x" + announced.hash().hex(),
            "manifest": "0x" + committed.manifest.hex() if committed else None,
            "chain_head": "0x" + committed.chain_head.hex() if committed else None,
        }
    )


def _utc(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _as_json(facts: RoundFacts, now: int) -> dict[str, object]:
    return {
        "round": facts.number,
        "phase": phase(facts, now).value,
        "opens": facts.opens,
        "closes": facts.closes,
        "due": facts.due,
        "committed_at": facts.committed_at,
    }

"""``assay bridge sweep`` and ``assay bridge check``: burns on their way out, and the books."""

from dataclasses import asdict
from typing import Any

import click
from rich.markup import escape

from oracle.bridge.client import Bridge, nmr_of
from oracle.bridge.conservation import Facts, check
from oracle.bridge.reading import Books, together
from oracle.bridge.steps import Stepper
from oracle.bridge.sweeping import Left, Side, Sweeper, Taken
from oracle.chain.rpc import connect, readable
from oracle.chain.sender import Sender
from oracle.cli.bridge_options import Place, with_bridge, with_place
from oracle.cli.output import Output, with_output
from oracle.errors import DifferenceError, RefusedError

_WHERE = {
    "child": "in the child vault",
    "burnt": "withdrawn from it, in no checkpoint yet",
    "exits": "in a checkpoint, to be paid to the root vault",
    "refused": "the same, and refused by the root chain",
    "root": "in the root vault, to be destroyed",
}


@click.command("sweep")
@with_bridge
@with_output
def sweep(bridge: Bridge, out: Output) -> None:
    """Take burnt NMR on towards its end: sweep the burn vaults, and pay what one sent to the other.

    Anyone may. The child vault withdraws from 10 NMR on or a week after the last time, the root
    chain pays it once a checkpoint has the block, the root vault destroys what it holds. Each run
    does what is possible by then; without a key it only shows where burns wait.
    """
    sweeper = Sweeper(bridge.record, _side(bridge, bridge.root), _side(bridge, bridge.child), False)
    with bridge.files.only_one():
        taken = sweeper.step()
    troubles = [f"{one.step}: {one.trouble}" for one in taken if one.trouble]
    if troubles and len(troubles) == len(taken):
        raise RefusedError("; ".join(troubles), "try again later: nothing is lost by it")
    for one in taken:
        said = f"[yellow]{escape(one.trouble)}[/]" if one.trouble else one.transaction
        out.say(f"{one.step}, {nmr_of(one.wei)} NMR: {said}")
    left = sweeper.left()
    rows = [(_WHERE[name], nmr_of(wei)) for name, wei in asdict(left).items() if wei]
    out.table("Burns on their way", ("where", ">NMR"), rows or [("nowhere", "0")])
    out.result(_swept(taken, left))


def _side(bridge: Bridge, side: Stepper) -> Side:
    sender = None
    if bridge.signer is not None:
        sender = Sender(side.web3, side.url, bridge.signer)
    return Side(side.web3, side.url, sender)


def _swept(taken: list[Taken], left: Left) -> dict[str, Any]:
    return {
        "steps": [
            {
                "step": one.step,
                "amount": nmr_of(one.wei),
                "transaction": one.transaction or None,
                "trouble": one.trouble or None,
            }
            for one in taken
        ],
        "left": {name: nmr_of(wei) for name, wei in asdict(left).items()},
    }


@click.command("check")
@click.option("--root-block", type=click.IntRange(0), help="As of this one.  [default: the newest]")
@click.option("--child-block", type=click.IntRange(0), help="As of this one, of the same moment.")
@with_place
@with_output
def check_books(root_block: int | None, child_block: int | None, place: Place, out: Output) -> None:
    """Check that NMR is conserved over both chains, by their own events and balances.

    What rounds burnt is what the pool owes and flushed; what entered a vault is there or was swept;
    what the bridge holds is the child supply and what is on its way. Reads every event since the
    record's first blocks; needs endpoints that have them, and the state of these blocks.
    """
    if (root_block is None) != (child_block is None):
        raise click.UsageError("name both blocks or none")
    record = place.record
    root = connect(place.root_url, record.root.chain_id)
    child = connect(place.child_url, record.child.chain_id)
    urls = place.root_url, place.child_url
    books = Books(root, child, record, urls=urls, reader=place.reader())
    if root_block is None or child_block is None:
        with readable(place.root_url):
            root_block, child_block = together(root, child, record)
    facts = books.facts(root_block, child_block)
    found = check(facts)
    out.table(
        f"NMR as of root block {root_block} and child block {child_block}",
        ("", ">NMR"),
        [(name.replace("_", " "), nmr_of(wei)) for name, wei in _shown(facts).items()],
    )
    if found:
        raise DifferenceError(
            f"NMR is not conserved: {'; '.join(found)}",
            "ask other endpoints; if they agree, tell the tournament's operators",
        )
    out.say("all of it adds up")
    amounts = {name: nmr_of(wei) for name, wei in _shown(facts).items()}
    out.result({"root_block": root_block, "child_block": child_block, **amounts})


def _shown(facts: Facts) -> dict[str, int]:
    root, child, pool = facts.root, facts.child, facts.pool
    return {
        "root_supply": root.supply,
        "destroyed_on_root": root.destroyed,
        "of_it_by_the_vault": root.swept,
        "held_by_the_bridge": root.predicate.balance,
        "child_supply": child.supply,
        "locked_not_minted": facts.in_flight_down,
        "burnt_not_exited": facts.in_flight_up,
        "donated_to_the_bridge": facts.predicate_donations,
        "burnt_by_rounds": pool.burnt,
        "owed_by_the_pool": pool.owed,
        "fees": pool.fees,
        "forfeited_bonds": pool.bonds,
        "donated_to_the_vaults": facts.child_donations + facts.root_donations,
        "in_the_child_vault": child.vault.balance,
        "swept_on_the_child_chain": child.swept,
        "in_the_root_vault": root.vault.balance,
    }

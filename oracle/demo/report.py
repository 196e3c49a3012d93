"""What the demo shows at the end: a table of models, totals, gas, and what to try next."""

import csv
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_utils import function_abi_to_4byte_selector
from web3 import Web3

from oracle.bridge.client import nmr_of
from oracle.bridge.interfaces import CHILD_TOKEN, ROOT_CHAIN_MANAGER, Abi
from oracle.chain.abi import abi
from oracle.chain.rpc import readable
from oracle.demo.play import Demo
from oracle.demo.story import Story
from oracle.settlement.units import nmr
from oracle.store.artefacts import read_file

_CONTRACTS = ("StakePool", "RoundOracle", "ModelRegistry", "StakeRelay", "BurnVault")
_CALLS = ("depositFor", "exit")


@dataclass(frozen=True, slots=True)
class Row:
    """A model's round. Amounts in U; scores at 10^-9, None without a valid submission."""

    name: str
    kind: str
    model: int
    before: int
    corr: int | None
    mmc: int | None
    tc: int | None
    change: int
    after: int
    note: str


def rows(story: Story) -> list[Row]:
    """One row a model, best change first."""
    scored = _scores(story.artefacts)
    return sorted(
        (_row(story, player, scored.get(player.model)) for player in story.players),
        key=lambda row: (-row.change, row.model),
    )


def _row(story: Story, player: Any, score: dict[str, str] | None) -> Row:
    before, after = (pool.lane(player.model).stake for pool in (story.before, story.after))
    taken = story.after.out.get(player.model, 0) - story.before.out.get(player.model, 0)
    notes = ["by mandate"] if player.by_mandate else []
    if taken > 0:
        notes.append("taken")
    if score and score["level"] != "0":
        notes.append(f"hardened {score['level']}/15")
    if score and score["on_time"] == "0":
        notes.append("late")
    if player.refusal:
        notes.append("refused")
    return Row(
        name=player.name,
        kind=player.kind,
        model=player.model,
        before=before,
        corr=int(score["corr"]) if score else None,
        mmc=int(score["mmc"]) if score else None,
        tc=int(score["tc"]) if score else None,
        change=after - before + taken,
        after=after,
        note=", ".join(notes),
    )


def _scores(folder: Path) -> dict[int, dict[str, str]]:
    text = read_file(folder, "outputs/scores.csv").decode()
    return {int(line["model"]): line for line in csv.DictReader(io.StringIO(text))}


def gas_used(demo: Demo) -> dict[str, tuple[int, int]]:
    """Per function of Assay's contracts and of the bridge: how many transactions, and the gas of
    all of them; those of the root chain by their own names."""
    reader, crossing = demo.reader, demo.crossing
    child = _gas(reader.web3, reader.url, _names(_CONTRACTS, CHILD_TOKEN, ("withdraw",)))
    root = _gas(crossing.root, crossing.urls[0], _names(("BurnVault",), ROOT_CHAIN_MANAGER, _CALLS))
    return child | {f"{name} (root)": used for name, used in root.items()}


def _names(contracts: Sequence[str], other: Abi, calls: Sequence[str]) -> dict[bytes, str]:
    """Functions by selector: all of our ``contracts``, and ``calls`` of another one."""
    entries = [item for contract in contracts for item in abi(contract)]
    entries += [item for item in other if item["name"] in calls]
    return {
        function_abi_to_4byte_selector(item): item["name"]
        for item in entries
        if item["type"] == "function" and item["stateMutability"] == "nonpayable"
    }


def _gas(web3: Web3, url: str, names: Mapping[bytes, str]) -> dict[str, tuple[int, int]]:
    used: dict[str, list[int]] = defaultdict(list)
    with readable(url):
        for number in range(web3.eth.block_number + 1):
            for transaction in web3.eth.get_block(number, True)["transactions"]:
                name = names.get(bytes(transaction["input"])[:4])
                if name:
                    receipt = web3.eth.get_transaction_receipt(transaction["hash"])
                    used[name].append(receipt["gasUsed"])
    return {name: (len(gas), sum(gas)) for name, gas in used.items()}


def totals(story: Story) -> dict[str, str]:
    """The round's sums in NMR."""
    before, after = story.before, story.after
    return {
        "staked before": nmr(before.total),
        "paid": nmr(before.vault - after.vault),
        "burned": nmr(after.burn_owed - before.burn_owed),
        "staked after": nmr(after.total),
        "left in the vault": nmr(after.vault),
    }


def supply(story: Story) -> dict[str, str]:
    """What became of NMR on both chains, in NMR."""
    closing = story.closing
    root, child, pool = closing.facts.root, closing.facts.child, closing.facts.pool
    shown = {
        "supply on the root chain before": closing.before,
        "burned by rounds": pool.burnt,
        "burned as registration fees": pool.fees,
        "swept from the child vault": child.swept,
        "destroyed by the root vault": root.swept,
        "supply on the root chain after": root.supply,
        "of it held by the bridge": root.predicate.balance,
        "supply on the child chain": child.supply,
        "brought back by stakers": story.returned,
    }
    return {name: nmr_of(wei) for name, wei in shown.items()}

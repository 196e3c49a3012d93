"""What the demo shows at the end: a table of models, totals, gas, and what to try next."""

import csv
import io
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_utils import function_abi_to_4byte_selector

from oracle.chain.abi import abi
from oracle.chain.reader import PoolReader
from oracle.chain.rpc import readable
from oracle.demo.play import Story
from oracle.settlement.units import nmr
from oracle.store.artefacts import read_file

_CONTRACTS = ("StakePool", "RoundOracle", "ModelRegistry", "StakeRelay")


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


def gas_used(reader: PoolReader) -> dict[str, tuple[int, int]]:
    """Per contract function: how many transactions, and the gas of all of them."""
    names = {
        function_abi_to_4byte_selector(item): item["name"]
        for contract in _CONTRACTS
        for item in abi(contract)
        if item["type"] == "function" and item["stateMutability"] == "nonpayable"
    }
    used: dict[str, list[int]] = defaultdict(list)
    with readable(reader.url):
        for number in range(reader.web3.eth.block_number + 1):
            for transaction in reader.web3.eth.get_block(number, True)["transactions"]:
                name = names.get(bytes(transaction["input"])[:4])
                if name:
                    receipt = reader.web3.eth.get_transaction_receipt(transaction["hash"])
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

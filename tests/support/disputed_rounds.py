"""Rounds that operators committed on a real chain: one as it should be, and by a lying quorum one
that leaves a submission out, one that calls one late, and one with a false score.

All four can still be challenged, and none is settled.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path

import committed_rounds as honest
from committed_rounds import OPERATOR, Data, Rounds
from in_process_tournament import deploy
from local_anvil import CHAIN_ID, local_anvil
from short_times import short_topology

from oracle.chain.keys import dev_account
from oracle.chain.reader import PoolReader
from oracle.chain.rpc import connect
from oracle.devnet.clock import Clock
from oracle.evaluation.assembly import Evaluation
from oracle.evaluation.evaluate import Entry, RoundInputs, evaluate
from oracle.settlement.manifest import TARGETS, list_files, submission_path
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.round_receipts import RECEIPTS, receipts_bytes
from oracle.settlement.specs import SPECS
from oracle.settlement.typed_data import Submission
from oracle.settlement.units import UNITS_PER_NMR
from oracle.settlement.wire import ReceiptsFile, submission_message
from oracle.store.artefacts import round_path, write_round
from oracle.store.disclosure import disclose
from oracle.store.sealing import seal

TIMING = honest.TIMING.model_copy(update={"window": 100_000, "challenge": 5_000})
"""Windows that no slow machine outlasts: the chain's clock follows the machine's."""
WRONGED = 1
"""The model whose submission is left out, or called late."""
FALSE = "outputs/scores.csv"


class Lie(IntEnum):
    """What is wrong with a round, by its number."""

    NONE = 1
    OMITTED = 2
    LATE = 3
    WRONG = 4


@dataclass
class Disputed:
    """The chain, the operators' folder of artefacts, and what the wronged model's owner kept."""

    rounds: Rounds
    artefacts: Path
    receipts: dict[Lie, ReceiptsFile]
    keys: dict[Lie, Submission]

    def folder(self, lie: Lie) -> Path:
        return round_path(self.artefacts, CHAIN_ID, self.rounds.reader.addresses.pool, lie)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Takes back whatever the block does to the chain."""
        snapshot = self.rounds.anvil.ask("evm_snapshot")
        try:
            yield
        finally:
            assert self.rounds.anvil.ask("evm_revert", snapshot)


@contextmanager
def disputed_rounds(root: Path) -> Iterator[Disputed]:
    """A chain of its own with everything done; ended afterwards."""
    topology = short_topology(TIMING, honest.CLOCKS)
    with local_anvil() as anvil:
        web3 = connect(anvil.url, CHAIN_ID)
        record = deploy(web3, topology, root)
        anvil.mine(3)
        first = topology.stakers.first_account
        world = Rounds(
            anvil,
            PoolReader.open(anvil.url, record.pool),
            Clock(web3, anvil.url),
            [dev_account(o.account) for o in topology.operators],
            [dev_account(first + i) for i in range(3)],
            root,
            {},
        )
        honest._register(world)
        for model in range(honest.MODELS):
            world.writer(world.owner(model)).deposit(model, (model + 1) * UNITS_PER_NMR, 1)
        made = Disputed(world, root / "artefacts", {}, {})
        for lie in Lie:
            _play(made, lie)
        anvil.mine(3)
        yield made


def _play(made: Disputed, lie: Lie) -> None:
    world, spec = made.rounds, next(iter(SPECS.values()))
    announced = honest._announce(world, lie, spec)
    world.clock.advance_to(announced.closes + announced.horizon)
    data = Data(lie)
    inputs, raws, receipts = honest._inputs(world, announced, data)
    wronged = next(entry for entry in inputs.entries if entry.model == WRONGED)
    key = Submission(lie, wronged.model, wronged.sha256, wronged.sequence)
    made.keys[lie] = key
    made.receipts[lie] = _kept(world, key, wronged, receipts)
    told = replace(inputs, entries=_as_told(inputs, wronged, lie))
    listed = {entry.sha256 for entry in told.entries}
    result = evaluate(told, raws.__getitem__)
    if lie is Lie.WRONG:
        result = _with_false_score(result)
    private = {
        TARGETS: data.targets,
        **{submission_path(sha): raw for sha, raw in raws.items() if sha in listed},
    }
    folder = made.folder(lie)
    write_round(
        folder,
        result.manifest,
        result.files,
        ((path, seal(raw, [OPERATOR.recipient])) for path, raw in private.items()),
        {RECEIPTS: receipts_bytes(lie, (r for r in receipts if r.key.sha256 in listed))},
    )
    signatures = honest._sign(world, result, folder)
    needed = world.reader.needed(lie)
    world.writer(world.operators[0]).commit(result.commit, signatures[:needed])
    disclose(folder, spec, OPERATOR, [OPERATOR.recipient], [], {})


def _as_told(inputs: RoundInputs, wronged: Entry, lie: Lie) -> list[Entry]:
    if lie is Lie.OMITTED:
        return [entry for entry in inputs.entries if entry != wronged]
    late = replace(wronged, on_time=False)
    return [late if lie is Lie.LATE and e == wronged else e for e in inputs.entries]


def _kept(
    world: Rounds, key: Submission, entry: Entry, receipts: list[SignedReceipt]
) -> ReceiptsFile:
    own = [receipt for receipt in receipts if receipt.key == key]
    return ReceiptsFile(
        chain_id=CHAIN_ID,
        pool=world.reader.addresses.pool,
        submission=submission_message(key, entry.signature, own),
    )


def _with_false_score(result: Evaluation) -> Evaluation:
    """One score a little higher; manifest and commit say so."""
    lines = result.files[FALSE].split(b"\n")
    fields = lines[1].split(b",")
    fields[3] = str(int(fields[3]) + 1).encode()
    lines[1] = b",".join(fields)
    files = {**result.files, FALSE: b"\n".join(lines)}
    changed = {file.path: file for file in list_files(files)}
    manifest = result.manifest.model_copy(
        update={"files": [changed.get(f.path, f) for f in result.manifest.files]}
    )
    commit = replace(result.commit, manifest=hashlib.sha256(manifest.to_bytes()).digest())
    return replace(result, files=files, manifest=manifest, commit=commit)

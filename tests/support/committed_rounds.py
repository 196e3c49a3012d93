"""Rounds on a real chain, one for each mode of disclosure: committed by four operators' signatures,
settled, their folders written as an operator writes them and disclosed to each mode's readers."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from eth_account.signers.local import LocalAccount
from in_process_tournament import deploy
from local_anvil import CHAIN_ID, LocalAnvil, local_anvil
from other_tournaments import CLASSIC, ProviderFiles, of_tournament
from short_times import short_topology

from oracle.chain.keys import dev_account
from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.chain.rpc import connect
from oracle.chain.sender import Sender
from oracle.chain.signing import LocalSigner
from oracle.devnet.clock import Clock
from oracle.devnet.profile import Clocks, Timing
from oracle.devnet.topology import ANNOUNCER
from oracle.evaluation.evaluate import Entry, Evaluation, RoundInputs, evaluate
from oracle.scoring.limits import SCALE
from oracle.settlement.batches import followers
from oracle.settlement.manifest import TARGETS, submission_path
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.round_receipts import RECEIPTS, receipts_bytes
from oracle.settlement.specs import NEWEST, SPECS, Disclosure, Spec
from oracle.settlement.typed_data import Announcement, Domain, Submission, message
from oracle.settlement.units import MILLIONTH, UNITS_PER_NMR
from oracle.settlement.wire import attestation_message, receipt_of
from oracle.store.artefacts import write_file, write_round
from oracle.store.disclosure import disclose
from oracle.store.sealing import Identity, seal

TIMING = Timing(
    notice=60,
    gap=30,
    max_ahead=5_000,
    max_horizon=1_000,
    grace=300_000,
    window=30,
    challenge=50,
)
CLOCKS = Clocks(
    skip_after=2_000_000,
    settle_time=300_000,
    head_time=50_000,
    rest_delay=10_000,
    wind_down_after=10_000_000,
    pause=600,
    pause_cooldown=2_000,
)
MODELS = 6
PLAYED = [spec for spec in SPECS.values() if spec.version == SPECS[NEWEST].version]
"""What the rounds are announced with, one after the other."""
LATE = 4
"""The model whose file comes after the close. Nobody sends one for the last model."""

OPERATOR, VERIFIER, OWNER, STRANGER = (Identity.new() for _ in range(4))
OWNERS = 1
"""The model whose file ``OWNER`` may read."""


class Data:
    """A round's universe and targets, and predictions that know a little of them."""

    def __init__(self, number: int, rows: int = 40, tournament: int = CLASSIC) -> None:
        self._dice = np.random.default_rng(number)
        ids = tuple(f"n{number:07d}{i:08x}" for i in range(rows))
        self._target = self._dice.permutation(np.arange(rows) % 5) * (SCALE // 4)
        self._files = ProviderFiles(tournament, ids, self._target)
        self.universe, self.targets = self._files.universe, self._files.targets

    def predictions(self, skill: int) -> bytes:
        noise = self._dice.integers(0, SCALE, len(self._target))
        values = (noise * 9 + self._target * skill) // (9 + skill)
        return self._files.file(values, skill)


@dataclass
class Committed:
    """One round: its folder as it was written, and as it was disclosed."""

    spec: Spec
    sealed: Path
    disclosed: Path
    result: Evaluation
    private: dict[str, bytes]
    owners_path: str


@dataclass
class Rounds:
    """A tournament whose rounds 1 to 3 are settled, but for the last, and whose chain runs."""

    anvil: LocalAnvil
    reader: PoolReader
    clock: Clock
    operators: list[LocalAccount]
    stakers: list[LocalAccount]
    root: Path
    rounds: dict[Disclosure, Committed]

    @property
    def url(self) -> str:
        return self.anvil.url

    def writer(self, account: LocalAccount) -> PoolWriter:
        web3 = self.reader.web3
        return PoolWriter(self.reader, Sender(web3, self.url, LocalSigner(account)))

    def owner(self, model: int) -> LocalAccount:
        return self.stakers[model % len(self.stakers)]

    @property
    def domain(self) -> Domain:
        return Domain(CHAIN_ID, self.reader.addresses.pool)


@contextmanager
def committed_rounds(root: Path, tournament: int = CLASSIC) -> Iterator[Rounds]:
    """A chain of its own with everything done; ended afterwards."""
    topology = of_tournament(short_topology(TIMING, CLOCKS), tournament)
    with local_anvil() as anvil:
        web3 = connect(anvil.url, CHAIN_ID)
        record = deploy(web3, topology, root)
        anvil.mine(3)
        first, count = topology.stakers.first_account, topology.stakers.count
        world = Rounds(
            anvil,
            PoolReader.open(anvil.url, record.pool),
            Clock(web3, anvil.url),
            [dev_account(o.account) for o in topology.operators],
            [dev_account(i) for i in range(first, first + min(count, 3))],
            root,
            {},
        )
        _register(world)
        for number, spec in enumerate(PLAYED, 1):
            world.rounds[spec.disclosure] = _play(world, number, spec)
        yield world


def _register(world: Rounds) -> None:
    for model in range(MODELS):
        writer = world.writer(world.owner(model))
        reserved = writer.reserve(hashlib.sha256(b"model %d" % model).digest())
        if reserved.usable_at > world.clock.now():
            world.clock.advance_to(reserved.usable_at + 1)
        assert writer.register(reserved, writer.sender.signer.address) == model


def _play(world: Rounds, number: int, spec: Spec) -> Committed:
    announced = _announce(world, number, spec)
    for model in range(MODELS):
        world.writer(world.owner(model)).deposit(model, (model + 1) * UNITS_PER_NMR, number)
    world.clock.advance_to(announced.closes + announced.horizon)
    tournament = announced.tournament
    data = Data(number, 40 if tournament == CLASSIC else 170, tournament)
    inputs, raws, receipts = _inputs(world, announced, data)
    result = evaluate(inputs, raws.__getitem__)
    private = {TARGETS: data.targets, **{submission_path(s): raw for s, raw in raws.items()}}
    sealed = world.root / "sealed" / str(number)
    write_round(
        sealed,
        result.manifest,
        result.files,
        ((path, seal(raw, [OPERATOR.recipient])) for path, raw in private.items()),
        {RECEIPTS: receipts_bytes(number, receipts)},
    )
    signatures = _sign(world, result, sealed)
    world.writer(world.operators[0]).commit(
        result.commit, signatures[: world.reader.needed(number)]
    )
    if number < len(PLAYED):
        _settle(world, number, result)
    world.clock.mine(3)
    opened = world.root / "disclosed" / str(number)
    write_round(opened, result.manifest, result.files, _same(sealed, private), _beside(sealed))
    owners = next(e for e in inputs.entries if e.model == OWNERS).sha256
    disclose(
        opened, spec, OPERATOR, [OPERATOR.recipient], [VERIFIER.recipient],
        {owners: [OWNER.recipient]},
    )  # fmt: skip
    return Committed(spec, sealed, opened, result, private, submission_path(owners))


def _announce(world: Rounds, number: int, spec: Spec) -> Announcement:
    now = world.clock.now()
    opens, closes = now + 10, now + TIMING.notice + 30
    announcer = world.writer(dev_account(ANNOUNCER))
    announcer.announce(number, opens, closes, 50, MILLIONTH, bytes(32), spec.name)
    announced = world.reader.announced(number)
    assert announced is not None
    return announced


def _inputs(
    world: Rounds, announced: Announcement, data: Data
) -> tuple[RoundInputs, dict[bytes, bytes], list[SignedReceipt]]:
    number = announced.round
    close = world.reader.close_block(announced.closes)
    raws: dict[bytes, bytes] = {}
    entries, receipts = [], []
    for model in range(MODELS - 1):
        raw = data.predictions(model % 4)
        key = Submission(number, model, hashlib.sha256(raw).digest(), 1)
        raws[key.sha256] = raw
        signature = bytes(world.owner(model).sign_message(message(key, world.domain)).signature)
        entries.append(Entry(model, key.sha256, 1, model != LATE, signature, len(raw)))
        received = announced.opens + 1 if model != LATE else announced.closes + 1
        for operator in world.operators[:3]:
            said = operator.sign_message(message(receipt_of(key, received), world.domain))
            receipts.append(SignedReceipt(key, operator.address, received, bytes(said.signature)))
    owners = world.reader.owners(close.number)
    inputs = RoundInputs(
        chain_id=CHAIN_ID,
        oracle=world.reader.addresses.oracle,
        announcement=announced,
        close_block=close,
        stakes=world.reader.stakes(number, close),
        owners={entry.model: owners[entry.model] for entry in entries},
        universe=data.universe,
        targets=data.targets,
        entries=entries,
    )
    return inputs, raws, receipts


def _sign(world: Rounds, result: Evaluation, folder: Path) -> list[bytes]:
    """Every operator's signature, in the order in which the contract wants them."""
    domain = Domain(CHAIN_ID, world.reader.addresses.oracle)
    found = []
    for operator in sorted(world.operators, key=lambda o: int(o.address, 16)):
        signed = bytes(operator.sign_message(message(result.commit, domain)).signature)
        shown = attestation_message(result.commit, signed).model_dump_json().encode()
        write_file(folder / "attest" / f"{operator.address.lower()}.json", shown)
        found.append(signed)
    return found


def _settle(world: Rounds, number: int, result: Evaluation) -> None:
    writer = world.writer(world.operators[0])
    writer.drain(number, 100)
    world.clock.advance_to(world.clock.now() + TIMING.window + 1)
    for batch, following in zip(result.batches, followers(result.batches), strict=True):
        writer.settle(number, batch, following)


def _same(folder: Path, private: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    for path in private:
        yield path, (folder / "sealed" / f"{path}.age").read_bytes()


def _beside(folder: Path) -> dict[str, bytes]:
    paths = [*(folder / "attest").iterdir(), folder / RECEIPTS]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}

"""One whole round on two local chains, from prices to paid stakes, checked at the end."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from eth_utils import keccak
from rich.console import Console

from oracle.chain.keys import dev_account
from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.chain.sender import Sender
from oracle.chain.signed import SignedMandate, sign_mandate, signature_of
from oracle.chain.signing import LocalSigner
from oracle.datasets.dataset import Dataset
from oracle.datasets.files import read_targets_csv
from oracle.datasets.market import build_market
from oracle.datasets.synthetic import build_synthetic
from oracle.demo.crossing import Closing, Crossing
from oracle.demo.models import train_models
from oracle.demo.players import Player, make_players, wei_needed
from oracle.demo.steps import Say, Steps, counted
from oracle.devnet.folder import clear
from oracle.devnet.launch import Devnet
from oracle.devnet.operator_home import Pace
from oracle.devnet.topology import DEPLOYER, Topology, exact
from oracle.errors import AssayError, EnvironmentLacksError, InputError, RefusedError
from oracle.operator.client import submit
from oracle.settlement.intents import StakeAction, StakeMandate
from oracle.settlement.reference import ReferencePool
from oracle.settlement.typed_data import Announcement, Domain
from oracle.settlement.units import TAKE_PROFIT, WEI_PER_UNIT, nmr
from oracle.store.artefacts import round_path, write_file
from oracle.tournaments.universe import targets_bytes, universe_bytes
from oracle.verification.verify import Step, Verification

_ROUND = 1
_LAST_ROUND = 2**32
_POLL_SECONDS = 0.3
_PATIENCE_SECONDS = 90
_RELAYER = 8
"""Development account that deposits under a mandate."""
_MANDATE_SECONDS = 86_400
_PACE = Pace(cycle=0.3, stagger=4.0, patience=5.0, burns=2.0)
_WEI_PER_NMR = 10**18
_SYNTHETIC = {"rows": 300, "features": 20, "eras": 60}


@dataclass(frozen=True)
class Options:
    """What a person can choose for the demo."""

    folder: Path
    topology: Topology
    data: str = "market"
    seed: int = 1


@dataclass
class Story:
    """All that happened, for the report."""

    players: list[Player] = field(default_factory=list)
    before: ReferencePool = field(default_factory=ReferencePool)
    after: ReferencePool = field(default_factory=ReferencePool)
    steps: list[Step] = field(default_factory=list)
    released: tuple[str, int] = ("", 0)
    returned: int = 0
    """Wei that stakers brought back to the root chain."""
    closing: Closing = field(init=False)
    artefacts: Path = Path()


class Demo:
    """Plays the round; ``devnet`` is running and filled when ``play`` returns."""

    def __init__(self, options: Options, console: Console) -> None:
        self.options = options
        self.steps = Steps(console)
        self.devnet = Devnet.at(options.folder, options.topology, tied=True)
        self.story = Story()

    def play(self) -> Story:
        """Every step in turn; an error leaves nothing running once ``devnet.stop`` is called."""
        self.options.topology.required_root()
        self.devnet.stop()
        clear(self.options.folder)
        self.devnet.require_machine()
        dataset = self._make_data()
        self._train(dataset)
        self._start()
        self._bring_in()
        self._enter()
        self._announce()
        self._stake()
        self._submit(dataset)
        self._resolve(dataset)
        self._settle()
        self._leave()
        self._bring_back()
        self._verify()
        self._close()
        return self.story

    # ------------------------------------------------------------------ before the round

    @property
    def _resolution(self) -> Path:
        return self.options.folder / "resolution"

    def _make_data(self) -> Dataset:
        folder, seed = self.options.folder / "data", self.options.seed
        with self.steps.step("Make the tournament's data") as say:
            if self.options.data == "market":
                dataset = build_market(folder, self._resolution, seed=seed, progress=counted(say))
            elif self.options.data == "synthetic":
                dataset = build_synthetic(
                    folder, self._resolution, seed=seed, progress=counted(say), **_SYNTHETIC
                )
            else:
                raise InputError(f"--data is market or synthetic, not {self.options.data}")
            say(f"{dataset.name}: {len(dataset.live_ids)} live rows")
        return dataset

    def _train(self, dataset: Dataset) -> None:
        with self.steps.step("Train models") as say:
            trained = train_models(dataset, seed=self.options.seed, progress=counted(say))
            stakers = self.options.topology.stakers.count
            self.story.players = make_players(trained, stakers, self.options.seed)
            say(f"{len(trained)} trained, and a twin, a late one, a broken one")

    def _start(self) -> None:
        topology = self.options.topology
        with self.steps.step("Start two chains, in Ethereum's and Polygon's place") as say:
            self.devnet.start_chains()
            say(f"root {topology.root_rpc}, child {topology.rpc}")
        with self.steps.step("Deploy Polygon's bridge between them; validators start") as say:
            self.devnet.start_bridge()
            vault = exact(topology.tournament.vault.nmr, _WEI_PER_NMR, "vault.nmr")
            self.devnet.bring({dev_account(DEPLOYER).address: vault})
            say(f"{topology.tournament.vault.nmr} NMR brought over, for payouts")
        with self.steps.step("Deploy the contracts with Ape") as say:
            record = self.devnet.deploy()
            say(f"pool {record.pool}")
        self.reader = PoolReader.open(topology.rpc, record.pool)
        self.clock = self.devnet.clock()
        self.crossing = Crossing(self.devnet, self.reader, self.clock, self._waiting)
        with self.steps.step("Start the operators") as say:
            self.clock.mine(3)
            self.devnet.start_operators(_PACE)
            needed = topology.tournament.signatures
            say(f"{len(topology.operators)} processes, {needed} signatures needed")

    def _bring_in(self) -> None:
        """What each staker needs on the child chain: stakes and fees."""
        needs = wei_needed(self.story.players, self.reader.fee)
        with self.steps.step("Stakers bridge NMR from the root chain to the child chain") as say:
            held = exact(self.options.topology.stakers.nmr, _WEI_PER_NMR, "stakers.nmr")
            self.crossing.give(held)
            self.crossing.allow_before(min(needs))
            self.crossing.bring_in(needs, say)
            total = sum(needs.values()) // WEI_PER_UNIT
            say(f"{nmr(total)} NMR by {len(needs)} deposits, approved as NMR wants it")

    def _writer(self, staker: int) -> PoolWriter:
        signer = LocalSigner(dev_account(self.options.topology.stakers.first_account + staker))
        return PoolWriter(self.reader, Sender(self.reader.web3, self.reader.url, signer))

    def _enter(self) -> None:
        players = self.story.players
        with self.steps.step("Register models") as say:
            reserved = [
                self._writer(player.staker).reserve(keccak(text=player.name)) for player in players
            ]
            usable_at = max(each.usable_at for each in reserved)
            self.clock.advance_to(max(usable_at, self.clock.now() + 1))
            for player, name in zip(players, reserved, strict=True):
                writer = self._writer(player.staker)
                player.model = writer.register(name, writer.sender.signer.address)
                say(f"{player.model + 1} of {len(players)}")

    def _announce(self) -> None:
        with self.steps.step("Announce the round") as say:
            self.announced = self._announce_by_script(_ROUND)
            days = self.announced.horizon // 86_400
            say(f"round {_ROUND}, scored {days} days after its close")

    def _announce_by_script(self, number: int) -> Announcement:
        self.devnet.run_script("announce", "--record", str(self.devnet.record_path))
        announced = self.reader.announced(number)
        if announced is None:
            raise RefusedError("the announcement did not reach the chain")
        return announced

    def _stake(self) -> None:
        players = self.story.players
        with self.steps.step("Deposit stakes") as say:
            for staker in range(self.options.topology.stakers.count):
                own = [player for player in players if player.staker == staker]
                self._writer(staker).approve(sum(player.stake for player in own))
            mandates = self._give_mandates(players)
            for done, player in enumerate(players, 1):
                if player.by_mandate:
                    self._relay_deposit(mandates[player.staker], player)
                else:
                    self._writer(player.staker).deposit(player.model, player.stake, _ROUND)
                say(f"{done} of {len(players)}")
            takers = [player for player in players if player.takes_profit]
            for player in takers:
                self._writer(player.staker).set_mode(player.model, TAKE_PROFIT, _ROUND)
            total = sum(player.stake for player in players)
            relayed = sum(player.by_mandate for player in players)
            say(
                f"{nmr(total)} NMR on {len(players)} models, {relayed} of them by a relayer with "
                f"a mandate; {len(takers)} take profits"
            )

    def _give_mandates(self, players: list[Player]) -> dict[int, SignedMandate]:
        """A mandate of each staker that has somebody else deposit, for just these amounts."""
        where, now = self.reader.addresses, self.reader.newest().timestamp
        signed = {}
        for staker in {player.staker for player in players if player.by_mandate}:
            own = [player for player in players if player.staker == staker]
            owner = self._writer(staker).sender.signer
            mandate = StakeMandate(
                pool=where.pool,
                owner=owner.address,
                relayer=dev_account(_RELAYER).address,
                models=tuple(player.model for player in own),
                max_deposit=sum(player.stake for player in own) * WEI_PER_UNIT,
                max_release=0,
                expiry=now + _MANDATE_SECONDS,
            )
            signed[staker] = sign_mandate(mandate, where, owner)
        return signed

    def _relay_deposit(self, signed: SignedMandate, player: Player) -> None:
        signer = LocalSigner(dev_account(_RELAYER))
        relayer = Sender(self.reader.web3, self.reader.url, signer)
        PoolWriter(self.reader, relayer).act_by_mandate(
            signed.struct(),
            signature_of(signed),
            player.model,
            StakeAction.DEPOSIT,
            player.stake * WEI_PER_UNIT,
            _ROUND,
        )

    # ------------------------------------------------------------------ the round

    def _submit(self, dataset: Dataset) -> None:
        provider = self.devnet.data / str(_ROUND)
        write_file(provider / "universe.csv", universe_bytes(dataset.live_ids))
        self.clock.advance_to(self.announced.opens)
        with self.steps.step("Submit predictions") as say:
            self._send([player for player in self.story.players if not player.late], say)
        self.clock.advance_to(self.announced.closes + 60)
        with self.steps.step("Close the round; one more comes late") as say:
            self._send([player for player in self.story.players if player.late], say)

    def _send(self, players: list[Player], say: Say) -> None:
        where = self.reader.addresses
        domain = Domain(where.chain_id, where.pool)
        urls = [operator.url for operator in self.options.topology.operators]
        needed = self.reader.receipts_needed(_ROUND)
        signers = self.reader.members(_ROUND)
        times = range(self.announced.opens, self.announced.closes + self.announced.horizon)
        taken = 0
        for player in players:
            owner = self._writer(player.staker).sender.signer
            try:
                submit(
                    player.raw, _ROUND, player.model, owner, domain, urls, needed, signers, times
                )
                taken += 1
            except AssayError as error:
                player.refusal = error.message
            say(f"{taken} taken by {len(urls)} operators, {len(players) - taken} refused")

    def _resolve(self, dataset: Dataset) -> None:
        self.clock.advance_to(self.announced.closes + self.announced.horizon)
        with self.steps.step("Targets arrive; operators score and sign") as say:
            _, targets = read_targets_csv(self._resolution / "live_targets.csv")
            write_file(
                self.devnet.data / str(_ROUND) / "targets.csv",
                targets_bytes(dataset.live_ids, targets),
            )
            for _ in self._waiting("the commit"):
                say(f"{self._attested()} of {len(self.options.topology.operators)} have signed")
                if self.reader.committed(_ROUND):
                    break
            needed, members = self.reader.needed(_ROUND), self.reader.members(_ROUND)
            say(f"{needed} of {len(members)} signatures committed")

    def _attested(self) -> int:
        signed = 0
        for operator in self.options.topology.operators:
            try:
                answer = httpx.get(f"{operator.url}/rounds/{_ROUND}/attestation", timeout=2)
                signed += answer.status_code == httpx.codes.OK
            except httpx.HTTPError:
                continue
        return signed

    def _settle(self) -> None:
        with self.steps.step("The challenge window passes; the keeper settles") as say:
            # Drained once the round is closed: the state that the scores apply to.
            for _ in self._waiting("the queue to be drained"):
                block = self.reader.newest()
                if not self.reader.round_state(_ROUND, block.number)["queue_head"]:
                    break
            self.story.before = self.reader.pool_at(block.number)
            self.clock.advance_to(self.clock.now() + self.reader.timing["window"])
            for _ in self._waiting("the settlement"):
                if self.reader.state()["head"] > _ROUND:
                    break
            self.story.after = self.reader.pool_at(self.reader.newest().number)
            paid = self.story.before.vault - self.story.after.vault
            burned = self.story.after.burn_owed - self.story.before.burn_owed
            say(f"paid {nmr(paid)} NMR, burned {nmr(burned)} NMR")

    def _waiting(self, what: str) -> Iterator[None]:
        """Lets the chain and the operators go on, and complains if that takes too long."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            self.devnet.processes.ensure_alive()
            yield
            if time.monotonic() > deadline:
                raise EnvironmentLacksError(
                    f"no sign of {what} after {_PATIENCE_SECONDS} s",
                    f"see the logs in {self.options.folder / 'logs'}",
                )
            self.clock.mine()
            time.sleep(_POLL_SECONDS)

    # ------------------------------------------------------------------ after the round

    def _leave(self) -> None:
        """One model releases everything; it and the models that took profits claim.

        Nobody announces another round, so the operators skip the one that the release joined.
        """
        leaver = self.story.players[1]
        with self.steps.step("A model leaves, with no more rounds; profits are claimed") as say:
            writer = self._writer(leaver.staker)
            writer.request_release(leaver.model, None, _LAST_ROUND)
            joined = self.reader.target()
            last_close = self.reader.round_state(joined - 1)["close"]
            skippable_at = last_close + self.reader.clocks.skip_after
            if skippable_at > self.clock.now():
                self.clock.advance_to(skippable_at)
            for _ in self._waiting("the release to be drained"):
                claimable = self.reader.pool_at(self.reader.newest().number).out
                if claimable.get(leaver.model):
                    break
            self.story.released = (leaver.name, claimable[leaver.model])
            for player in self.story.players:
                if claimable.get(player.model):
                    self._writer(player.staker).claim(player.model)
            # Until it is final, so that the operators have nothing left to look after.
            for _ in self._waiting("the skipped round to end"):
                if self.reader.state(self.reader.finalized().number)["head"] > joined:
                    break
            say(f"{leaver.name} got {nmr(self.story.released[1])} NMR back")

    def _bring_back(self) -> None:
        with self.steps.step("Burns leave the supply: vault swept, exited, destroyed") as say:
            self.crossing.burn(say)
            say("all of it by the operators")
        with self.steps.step("Stakers bridge NMR back: withdrawn, checkpointed, exited") as say:
            self.story.returned = self.crossing.bring_back(say)
            say(f"{nmr(self.story.returned // WEI_PER_UNIT)} NMR")

    def _verify(self) -> None:
        where = self.reader.addresses
        operator = self.options.topology.operators[0].name
        self.story.artefacts = round_path(
            self.devnet.artefacts(operator), where.chain_id, where.pool, _ROUND
        )
        with self.steps.step("Verify the round from its artefacts and the chain") as say:
            for step in Verification(self.story.artefacts, self.reader.url).steps():
                say(step.name)
                self.story.steps.append(step)
            say(f"{len(self.story.steps)} checks passed")

    def _close(self) -> None:
        with self.steps.step("Check that NMR is conserved on both chains") as say:
            closing = self.story.closing = self.crossing.close()
            root, child = closing.facts.root, closing.facts.child
            say(f"as of root block {root.block} and child block {child.block}")

"""Rounds of a real pool between two chains, whose scores are drawn instead of computed: what is
burnt is a round's losses, whoever's."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from bridge_rounds import BridgedRounds
from two_chains import NMR

from oracle.chain.keys import dev_account
from oracle.devnet.topology import load
from oracle.settlement.batches import chain, cut, followers
from oracle.settlement.rounds import Phase, RoundFacts, phase
from oracle.settlement.typed_data import Commit, Domain, message
from oracle.settlement.units import words_for
from oracle.settlement.words import ScoreLane, score_words

_HIGHEST = 524_287
_OPENS, _CLOSES = 5, 200
_SETTLER = 8


@dataclass
class ScoredRounds:
    """Takes the head round on, one step at a time, by what the chain shows. ``did`` is told after
    every step. Time is played: a block takes a second, however long it takes to be made."""

    rounds: BridgedRounds
    dice: Random
    did: Callable[[str], None]

    def __post_init__(self) -> None:
        self.rounds.chains.child.ask("anvil_setBlockTimestampInterval", 1)

    def advance(self) -> str:
        """The next thing that the head round needs, done; what that was."""
        reader = self.rounds.reader
        newest, state = reader.newest(), reader.state()
        head = state["head"]
        if reader.skippable(newest) is not None:
            self.rounds.writer(_SETTLER).skip(head)
            return self._done("skip")
        if head > state["last_announced"]:
            now = newest.timestamp
            self.rounds.announce(head, now + _OPENS, now + _CLOSES)
            return self._done("announce")
        facts = reader.facts(head, newest, head)
        steps: dict[Phase, Callable[[RoundFacts], str]] = {
            Phase.UPCOMING: lambda f: self._wait(f.opens),
            Phase.OPEN: self._stake,
            Phase.CLOSED: lambda f: self._drain(f) or self._wait(f.due),
            Phase.DUE: self._commit,
            Phase.COMMITTED: lambda f: self._wait(f.final_at or 0),
            Phase.FINAL: lambda f: self._drain(f) or self._settle(f),
            Phase.VOID: lambda f: self._drain(f) or self._end_void(f),
        }
        return self._done(steps[phase(facts, newest.timestamp)](facts))

    def _done(self, step: str) -> str:
        self.did(step)
        return step

    def pass_to(self, timestamp: int) -> None:
        """A block of the child chain at that time, or the next one."""
        child = self.rounds.chains.child
        now = int(child.block("latest")["timestamp"], 16)
        child.ask("evm_setNextBlockTimestamp", max(timestamp, now + 1))
        child.mine()

    def _wait(self, timestamp: int) -> str:
        self.pass_to(timestamp)
        return "wait"

    def _stake(self, facts: RoundFacts) -> str:
        """Everybody may stake or ask for some back; then the round closes."""
        chains = self.rounds.chains
        for account, model in self.rounds.models.items():
            held = chains.child_token.functions.balanceOf(dev_account(account).address).call()
            writer, chance = self.rounds.writer(account), self.dice.random()
            if chance < 0.6 and held >= NMR:
                self.rounds.stake(account, self.dice.randint(NMR, held) // 10**9 * 10**9)
                self.did("stake")
            elif chance < 0.8:
                writer.request_release(model, None, facts.number + 10)
                self.did("request release")
        self.pass_to(facts.closes)
        chains.child.mine(3)
        return "close"

    def _drain(self, facts: RoundFacts) -> str:
        if facts.queue_empty:
            return ""
        self.rounds.writer(_SETTLER).drain(facts.number, 100)
        return "drain"

    def _commit(self, facts: RoundFacts) -> str:
        """Scores from the best to the worst; now and then nobody commits, and the round is void."""
        reader = self.rounds.reader
        if self.dice.random() < 0.1:
            return self._wait(facts.due + reader.timing["grace"] + 1)
        self.rounds.chains.child.mine(3)
        reader.finalized()
        commit, _ = self._drawn(facts)
        domain = Domain(reader.addresses.chain_id, reader.addresses.oracle)
        operators = [dev_account(one.account) for one in load().operators]
        signed = [
            bytes(one.sign_message(message(commit, domain)).signature)
            for one in sorted(operators, key=lambda one: int(one.address, 16))
        ]
        self.rounds.writer(_SETTLER).commit(commit, signed[: reader.needed(facts.number)])
        return "commit"

    def _drawn(self, facts: RoundFacts) -> tuple[Commit, list[int]]:
        reader, dice = self.rounds.reader, Random(facts.number)
        announced = reader.announced(facts.number)
        assert announced is not None
        lanes = {
            model: ScoreLane(tuple(dice.randint(-_HIGHEST, _HIGHEST) for _ in range(3)))  # type: ignore[arg-type]
            for model in self.rounds.models.values()
        }
        words = score_words(lanes, words_for(reader.models()))
        close = reader.close_block(facts.closes)
        commit = Commit(
            pool=announced.pool,
            tournament=announced.tournament,
            round=facts.number,
            epoch=announced.epoch,
            announce_hash=announced.hash(),
            close_block_hash=bytes.fromhex(close.hash[2:]),
            chain_head=chain(cut(words))[0],
            at_risk=reader.totals()["staked"],
            words=len(words),
            manifest=b"\x01" * 32,
            meta_root=b"\x02" * 32,
        )
        return commit, words

    def _settle(self, facts: RoundFacts) -> str:
        _, words = self._drawn(facts)
        batches = cut(words)
        writer = self.rounds.writer(_SETTLER)
        for batch, following in zip(batches, followers(batches), strict=True):
            writer.settle(facts.number, batch, following)
        return "settle"

    def _end_void(self, facts: RoundFacts) -> str:
        self.rounds.writer(_SETTLER).end_void(facts.number)
        return "end void"

    def flush(self) -> bool:
        """Sends what rounds burnt to the vault; False if that is nothing."""
        if not self.rounds.reader.totals()["burn_owed"]:
            return False
        self.rounds.writer(_SETTLER).flush_burn()
        self.did("flush")
        return True

    def claim(self) -> None:
        """Everybody takes what was released to them."""
        claimable = self.rounds.reader.pool.functions.claimable_of
        for account, model in self.rounds.models.items():
            if claimable(model).call():
                self.rounds.writer(account).claim(model)
                self.did("claim")

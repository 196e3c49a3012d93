"""Rounds with given scores, played through the real contracts on a fork of their chain.

The pool, the oracle and the token are those deployed, with the state they have; only who signs is
new: the fork's governor names operators whose keys are made up here. Every round's outcome is held
against the reference model.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from eth_abi import encode
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils import keccak, to_checksum_address
from web3.contract.contract import ContractFunction

from oracle.chain.abi import abi
from oracle.chain.keeper import next_step
from oracle.chain.reader import PoolReader
from oracle.devnet.fork import Fork
from oracle.errors import DifferenceError, RefusedError
from oracle.settlement.batches import Batch, chain, cut, followers
from oracle.settlement.payout import Template
from oracle.settlement.reference import ReferencePool, RoundTerms
from oracle.settlement.typed_data import SPEC_HASH, Commit, Domain, message
from oracle.settlement.units import TAKE_PROFIT, WEI_PER_UNIT, words_for
from oracle.settlement.words import ScoreLane, score_words

_OPERATORS, _SIGNATURES = 3, 2
_OPEN_SECONDS = 60
_HORIZON = 60
_DRAIN = 200
_STEPS = 10_000
_EPOCH = 5
"""Place of the epoch in what ``round_of`` answers."""
_NO_HASH = b"\x01" * 32
"""Stands for what the contract does not look at: the fork's rounds have no files."""
_KEEPER = to_checksum_address("0x" + "a5" * 20)
"""Sends what anyone may send."""


@dataclass(frozen=True, slots=True)
class Played:
    """A settled round: stake and claimable of the model, by the contract and by the reference."""

    round: int
    scores: ScoreLane
    stake: int
    claimable: int
    expected_stake: int
    expected_claimable: int


@dataclass
class Rehearsal:
    """Plays rounds for one new model. ``others_at_risk`` U is what else each round's commit says to
    be at risk. ``others`` and ``vault`` are known once it is played: all other stake, and what the
    vault held before the first round."""

    fork: Fork
    reader: PoolReader
    template: Template
    phi: int
    stake: int
    take_profit: bool
    others_at_risk: int
    owner: str = ""
    others: int = 0
    vault: int = 0
    operators: list[LocalAccount] = field(
        default_factory=lambda: sorted(
            (Account.create() for _ in range(_OPERATORS)), key=lambda a: int(a.address, 16)
        )
    )

    def play(self, lanes: Sequence[ScoreLane]) -> list[Played]:
        """A round for each of ``lanes``; raises ``DifferenceError`` where the contract ends with
        another number than the reference model."""
        self._end_rounds()
        self._take_over()
        model = self._register()
        self._deposit(model)
        self.vault = self.reader.totals()["vault"]
        return [self._round(model, lane) for lane in lanes]

    # ------------------------------------------------------------------ preparing

    def _end_rounds(self) -> None:
        """Rounds that wait for scores nobody here has end void; the pool's rules allow it."""
        timing = self.reader.timing
        longest = timing["grace"] + timing["window"] + timing["challenge"]
        state = self.reader.state()
        for number in range(state["head"], state["last_announced"] + 1):
            facts = self.reader.facts(number, self.reader.newest(), state["head"])
            self.fork.await_time(facts.due + longest + 1)
        for _ in range(_STEPS):
            step = next_step(self.reader)
            if step.call == "skip" and self.fork.now() < step.possible_at:
                return
            if not step.call:
                raise RefusedError(f"round {step.round} cannot be ended on the fork: {step.why}")
            self.fork.await_time(step.possible_at)
            functions = self.reader.pool.functions
            more = (_DRAIN,) if step.call == "drain" else ()
            self._anyone(getattr(functions, step.call)(step.round, *more))
            if step.call == "skip":
                return
        raise RefusedError("too many requests wait in the pool to end its rounds on a fork")

    def _take_over(self) -> None:
        """Operators with keys that are known here, and the template that was asked for."""
        oracle = self.reader.oracle.functions
        governor = oracle.GOVERNOR().call()
        latest = self.reader.state()["last_announced"] + 1
        added = [account.address for account in self.operators]
        retired = self.reader.members(latest)
        self.fork.send(governor, oracle.rotate(added, retired, _SIGNATURES, 0))
        template = self.template
        terms = (
            template.kinds,
            template.multipliers,
            template.clip_up,
            template.clip_down,
            template.threshold,
            template.kappa,
        )
        self.fork.send(governor, oracle.add_template(terms))

    def _register(self) -> int:
        """A model of a new account's, which holds enough tokens for it and for the stake."""
        owner = self.owner = Account.create().address
        token, fee = self.reader.addresses.token, self.reader.fee
        self.fork.deal(token, owner, fee + self.stake * WEI_PER_UNIT)
        registry = self.reader.registry
        self._approve(registry.address, fee)
        name, salt = keccak(secrets.token_bytes(32)), secrets.token_bytes(32)
        self._owner(registry.functions.reserve(self._commitment(name, salt)))
        self.fork.await_time(self.fork.now() + self.reader.reserve_delay + 1)
        self._owner(registry.functions.register(name, owner, salt))
        return self.reader.models() - 1

    def _commitment(self, name: bytes, salt: bytes) -> bytes:
        return keccak(encode(["bytes32", "address", "bytes32"], [name, self.owner, salt]))

    def _deposit(self, model: int) -> None:
        """Joins the round that is announced next."""
        pool, number = self.reader.pool, self.reader.target()
        self._approve(pool.address, self.stake * WEI_PER_UNIT)
        self._owner(pool.functions.deposit(model, self.stake * WEI_PER_UNIT, number))
        if self.take_profit:
            self._owner(pool.functions.set_mode(model, TAKE_PROFIT, number))

    # ------------------------------------------------------------------ a round

    def _round(self, model: int, lane: ScoreLane) -> Played:
        number, closes = self._announce()
        self.fork.await_time(closes)
        while self.reader.round_state(number)["queue_head"]:
            self._anyone(self.reader.pool.functions.drain(number, _DRAIN))
        before = self.reader.pool_at(self.reader.newest().number)
        self.others = before.total - before.lane(model).stake
        models = self.reader.models()
        batches = cut(score_words({model: lane}, words_for(models)))
        terms = RoundTerms(
            template=self.template,
            phi=self.phi,
            at_risk=self.others_at_risk + before.lane(model).stake,
            words=words_for(models),
            chain_head=chain(batches)[0],
        )
        self._commit(number, closes, terms)
        for batch, following in zip(batches, followers(batches), strict=True):
            self._settle(number, batch, following)
        before.settle_round(number, terms, batches)
        return self._compared(number, model, lane, before)

    def _announce(self) -> tuple[int, int]:
        """The next round, closing as soon as the contract's bounds allow; its number and close."""
        reader, oracle = self.reader, self.reader.oracle.functions
        timing, state = reader.timing, reader.state()
        number = state["last_announced"] + 1
        opens = self.fork.now() + timing["notice"]
        last_close = reader.round_state(number - 1)["close"]
        closes = max(opens, last_close + timing["gap"]) + _OPEN_SECONDS
        self.fork.send(
            oracle.announcer().call(),
            oracle.announce(number, opens, closes, _HORIZON, self.phi, _NO_HASH, SPEC_HASH),
        )
        return number, closes

    def _commit(self, number: int, closes: int, terms: RoundTerms) -> None:
        where, oracle = self.reader.addresses, self.reader.oracle
        commit = Commit(
            pool=where.pool,
            tournament=where.tournament,
            round=number,
            epoch=oracle.functions.round_of(number).call()[_EPOCH],
            announce_hash=self.reader.sealed(number),
            close_block_hash=_NO_HASH,
            chain_head=terms.chain_head,
            at_risk=terms.at_risk,
            words=terms.words,
            manifest=_NO_HASH,
            meta_root=bytes(32),
        )
        said = message(commit, Domain(where.chain_id, where.oracle))
        signers = self.operators[:_SIGNATURES]
        signed = [bytes(account.sign_message(said).signature) for account in signers]
        self.fork.await_time(closes + _HORIZON)
        self._anyone(oracle.functions.commit(number, commit.result.argument(), signed))
        self.fork.await_time(self.fork.now() + self.reader.timing["window"])

    def _settle(self, number: int, batch: Batch, following: bytes) -> None:
        words = list(batch.words)
        self._anyone(self.reader.pool.functions.settle(number, batch.start, following, words))

    def _compared(
        self, number: int, model: int, lane: ScoreLane, expected: ReferencePool
    ) -> Played:
        actual = self.reader.pool_at(self.reader.newest().number)
        for name in ("lanes", "out", "vault", "burn_owed"):
            if getattr(actual, name) != getattr(expected, name):
                raise DifferenceError(
                    f"round {number} on the fork: {name} of the contract is not the reference "
                    "model's",
                    "report this: it should never happen",
                )
        return Played(
            number,
            lane,
            actual.lane(model).stake,
            actual.out.get(model, 0),
            expected.lane(model).stake,
            expected.out.get(model, 0),
        )

    # ------------------------------------------------------------------ senders

    def _anyone(self, call: ContractFunction) -> None:
        self.fork.send(_KEEPER, call)

    def _owner(self, call: ContractFunction) -> None:
        self.fork.send(self.owner, call)

    def _approve(self, spender: str, wei: int) -> None:
        token = self.reader.web3.eth.contract(
            address=to_checksum_address(self.reader.addresses.token), abi=abi("ChildNmr")
        )
        self._owner(token.functions.approve(to_checksum_address(spender), wei))

"""What clients of staking by the round ask, answered from the chain.

Here a model has one stake that goes on from round to round, and its owner is who stakes. Amounts
are NMR as decimal text, wei where a name says so; times ISO 8601.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from eth_utils import is_address, to_checksum_address
from sqlalchemy import select

from oracle.errors import InputError, RefusedError
from oracle.records.models import Models
from oracle.records.rounds import Rounds
from oracle.records.rows import ModelRow, RoundRow, RoundStatus, Settlement
from oracle.records.schema.uploads import submissions
from oracle.records.stakes import Stakes
from oracle.settlement.intents import StakeAction, StakeIntent
from oracle.settlement.reference import apply_record
from oracle.settlement.typed_data import digest
from oracle.settlement.units import MILLIONTH, MIN_STAKE, WEI_PER_UNIT, nmr
from oracle.settlement.words import Lane, QueueRecord
from oracle.staking.desk import StakeDesk
from oracle.staking.evidence import Evidence, SettlementEvidence
from oracle.staking.rows import Caller
from oracle.store.database import Database

_MOST = 100
"""Rounds of one wallet's models that are shown at once, the newest."""


@dataclass(frozen=True, slots=True)
class Config:
    """``address`` takes stakes; ``owner`` is the timelock; ``service_wallet`` sends what mandates
    allow. Nobody signs authorizations: the contract itself checks who may stake."""

    address: str
    nmr_address: str
    owner: str
    paused: bool
    service_wallet: str | None
    tournament_id: str
    authorization_signer: str | None = None
    pending_owner: str | None = None


@dataclass(frozen=True, slots=True)
class StakeRound:
    """``merkle_root``: the link of the first batch, which operators committed. What is left to pay
    or burn is nothing once a round is settled, for settling does both."""

    round_id: str
    tournament_id: str
    state: str
    resolved: bool
    open_time: str | None
    close_time: str | None
    resolve_time: str | None
    payout_factor: str | None
    stake_cap: str | None
    stake_threshold: str | None
    total_staked: str | None
    total_payout: str | None
    remaining_payout: str | None
    remaining_burn: str | None
    merkle_root: str | None


@dataclass(frozen=True, slots=True)
class Auth:
    """A deposit of ``max_amount`` for the owner to sign: ``authorization_digest`` is that of a
    StakeIntent for ``staking_address``, which anybody may send with the owner's signature."""

    authorization_signer: str
    authorization_digest: str
    chain_id: str
    deadline: str
    max_amount: str
    model_id: str
    nmr_address: str
    nonce: str
    round_id: str
    staker: str
    staking_address: str
    submission_id: str
    submission_hash: str
    tournament_id: str
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """What a round did to a model. ``claimable_amount_wei``: what ``claim`` would pay now, of all
    rounds together. ``proof``: see ``proof_of``."""

    api_model_id: str
    model_id: str
    round_id: str
    tournament_id: str
    staker: str
    submission_id: str | None
    payout_amount_wei: str
    burn_amount_wei: str
    claimable_amount_wei: str
    merkle_root: str | None
    proof: list[str]


def proof_of(shown: SettlementEvidence) -> list[str]:
    """From a score word to the committed link, each as 0x hex: the link that follows the model's
    batch; the batch's start and its words, 32 bytes each; then of each batch before it, the
    nearest first, its start and the hash of its words. Empty for a model without scores."""
    path = shown.settled.path
    if path is None:
        return []
    batch = [path.batch.start, *path.batch.words]
    return [
        "0x" + path.following.hex(),
        "0x" + b"".join(number.to_bytes(32, "big") for number in batch).hex(),
        *("0x" + (e.start.to_bytes(32, "big") + e.words_hash).hex() for e in path.earlier),
    ]


class V3:
    """``desks`` and ``evidence`` by number of the tournament. Every method blocks."""

    def __init__(
        self,
        database: Database,
        desks: Mapping[int, StakeDesk],
        evidence: Mapping[int, Evidence],
    ) -> None:
        self._database, self._desks, self._evidence = database, desks, evidence
        self._rounds, self._stakes, self._models = (
            Rounds(database),
            Stakes(database),
            Models(database),
        )

    def config(self, tournament: int) -> Config:
        desk = self._desk(tournament)
        where = desk.reader.addresses
        return Config(
            address=where.pool,
            nmr_address=where.token,
            owner=desk.reader.governor,
            paused=desk.reader.state()["paused_until"] > desk.now(),
            service_wallet=desk.relayer,
            tournament_id=str(tournament),
        )

    def round(self, tournament: int, number: int) -> StakeRound:
        """Raises ``InputError`` for a round that there is not."""
        desk, row = self._desk(tournament), self._round(tournament, number)
        is_settled, template = row.ended == "settled", row.template
        factor = row.payout_factor
        return StakeRound(
            round_id=_round_id(tournament, number),
            tournament_id=str(tournament),
            state=str(row.status(desk.now())),
            resolved=row.ended is not None,
            open_time=_iso(row.opens),
            close_time=_iso(row.closes),
            resolve_time=_iso(row.ended_at or (None if row.horizon is None else row.due)),
            payout_factor=None if factor is None else _millionths(factor),
            stake_cap=None,
            stake_threshold=None if template is None else nmr(template.threshold),
            total_staked=self._staked(row),
            total_payout=nmr(row.gains) if is_settled else None,
            remaining_payout="0" if row.ended else None,
            remaining_burn="0" if row.ended else None,
            merkle_root=_hex(row.chain_head),
        )

    def auth(self, caller: Caller, submission: str, staker: str, amount: int) -> Auth:
        """``amount`` in U. Raises ``InputError`` for a submission that is not the caller's, and
        ``RefusedError`` for one of a round that takes no stakes any more."""
        found = self._submission(submission)
        if found is None or found[3] != caller.signed_in().id:
            raise InputError("there is no submission of yours with this id")
        tournament, number, model_id, _, sha256 = found
        desk = self._desk(tournament)
        [model] = self._models.by_id(tournament, [model_id])
        _require_owner(model, staker)
        if amount < MIN_STAKE:
            raise InputError(f"{nmr(amount)} NMR is no deposit", f"at least {nmr(MIN_STAKE)} NMR")
        row, where, target = (
            self._round(tournament, number),
            desk.reader.addresses,
            desk.reader.target(),
        )
        if target != number or row.status(desk.now()) is RoundStatus.RESOLVED:
            raise RefusedError(
                f"round {number} takes no stakes any more", f"stake for round {target}"
            )
        intent = StakeIntent(
            pool=where.pool,
            model=model_id,
            action=int(StakeAction.DEPOSIT),
            amount=amount * WEI_PER_UNIT,
            max_round=number,
            nonce=desk.reader.nonce_of(model_id),
            deadline=row.closes,
        )
        return Auth(
            authorization_signer=model.owner,
            authorization_digest="0x" + digest(intent, desk.domain).hex(),
            chain_id=str(where.chain_id),
            deadline=str(intent.deadline),
            max_amount=nmr(amount),
            model_id=str(model_id),
            nmr_address=where.token,
            nonce=str(intent.nonce),
            round_id=_round_id(tournament, number),
            staker=model.owner,
            staking_address=where.relay,
            submission_id=submission,
            submission_hash="0x" + sha256.hex(),
            tournament_id=str(tournament),
        )

    def claim(self, tournament: int, number: int, model: ModelRow, staker: str) -> Claim:
        """Raises ``InputError`` where another wallet stakes, ``RefusedError`` where the round
        settled nothing of the model."""
        self._desk(tournament)
        _require_owner(model, staker)
        row = self._round(tournament, number)
        settled = self._stakes.settlements(tournament, models=[model.model], rounds=[number])
        if not settled:
            is_over = row.ended is not None
            raise RefusedError(
                f"round {number} settled no stake of model {model.model}"
                if is_over
                else f"round {number} is not settled yet"
            )
        [found] = self._claims({model.model: model}, settled)
        return found

    def claims(self, tournament: int, staker: str) -> list[Claim]:
        """Of all the wallet's models, the newest rounds first; at most 100."""
        self._desk(tournament)
        if not is_address(staker):
            raise InputError(f"{staker[:60]!r} is no address", "0x and 40 hex digits")
        owner = to_checksum_address(staker)
        models = {row.model: row for row in self._models.of_owner([owner], tournament)}
        settled = self._stakes.settlements(tournament, models=list(models))
        return self._claims(models, sorted(settled, key=lambda s: (-s.round, s.model))[:_MOST])

    def _claims(self, models: Mapping[int, ModelRow], settled: Sequence[Settlement]) -> list[Claim]:
        """Each settlement as a claim, by a number of queries that does not depend on how many."""
        if not settled:
            return []
        tournament, numbers = settled[0].tournament, {one.round for one in settled}
        rows = {row.number: row for row in self._rounds.list(tournament, numbers=numbers)}
        positions = self._stakes.positions(tournament, {one.model for one in settled})
        sent = self._sent(tournament, list(models), numbers)
        found = []
        for one in settled:
            model = models[one.model]
            shown = self._evidence[tournament].shown(rows[one.round], one.model, one)
            position = positions.get(one.model)
            claim = Claim(
                api_model_id=model.uuid,
                model_id=str(model.model),
                round_id=_round_id(tournament, one.round),
                tournament_id=str(tournament),
                staker=model.owner,
                submission_id=sent.get((one.round, one.model)),
                payout_amount_wei=str(max(one.change, 0) * WEI_PER_UNIT),
                burn_amount_wei=str(max(-one.change, 0) * WEI_PER_UNIT),
                claimable_amount_wei=str((position.claimable if position else 0) * WEI_PER_UNIT),
                merkle_root=_hex(shown.round.chain_head),
                proof=proof_of(shown),
            )
            found.append(claim)
        return found

    # ------------------------------------------------------------------ tables

    def _desk(self, tournament: int) -> StakeDesk:
        if tournament not in self._desks:
            raise InputError(f"there is no tournament {tournament} here")
        return self._desks[tournament]

    def _round(self, tournament: int, number: int) -> RoundRow:
        row = self._rounds.get(tournament, number)
        if row is None:
            raise InputError(f"tournament {tournament} has no round {number}")
        return row

    def _staked(self, row: RoundRow) -> str:
        """All stakes at the close; before it is final, what they would be if nobody asked for
        anything more."""
        stakes = self._stakes.at_close(row.tournament, rounds=[row.number])
        if stakes or row.at_risk is not None:
            return nmr(sum(one.stake for one in stakes))
        positions = self._stakes.positions(row.tournament)
        found = {model: position.stake for model, position in positions.items()}
        for one in self._stakes.waiting(row.tournament):
            if one.round <= row.number:
                record = QueueRecord(one.deposit, one.release, one.mode)
                lane, _ = apply_record(Lane(found.get(one.model, 0)), record)
                found[one.model] = lane.stake
        return nmr(sum(found.values()))

    def _submission(self, wanted: str) -> tuple[int, int, int, str, bytes] | None:
        """Tournament, round, model, account and hash of an accepted submission."""
        table = submissions.c
        query = select(table.tournament, table.round, table.model, table.account, table.sha256)
        query = query.where(table.id == wanted, table.status == "accepted")
        row = self._database.read(lambda connection: connection.execute(query).first())
        if row is None:
            return None
        return row.tournament, row.round, row.model, row.account, bytes(row.sha256)

    def _sent(
        self, tournament: int, models: Collection[int], numbers: Collection[int]
    ) -> dict[tuple[int, int], str]:
        """By round and model, the submission that counts, where it came through this server."""
        table = submissions.c
        query = (
            select(table.round, table.model, table.id)
            .where(
                table.tournament == tournament,
                table.round.in_(numbers),
                table.model.in_(models),
                table.status == "accepted",
            )
            .order_by(table.late.desc(), table.sequence)
        )
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return {(row.round, row.model): row.id for row in rows}


def _require_owner(model: ModelRow, staker: str) -> None:
    if staker.lower() != model.owner.lower():
        raise InputError(
            f"{staker[:60]!r} does not stake on model {model.model}",
            f"its owner does: {model.owner}",
        )


def _round_id(tournament: int, number: int) -> str:
    return f"{tournament}-{number}"


def _iso(seconds: int | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _hex(value: bytes | None) -> str | None:
    return None if value is None else "0x" + value.hex()


def _millionths(value: int) -> str:
    """Exact decimal text."""
    whole, rest = divmod(value, MILLIONTH)
    return f"{whole}" + (f".{rest:06d}".rstrip("0") if rest else "")

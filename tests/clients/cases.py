"""Every public method of numerapi with what it must return, worked out without the server: from
the chain, from what operators committed, and from what was done before."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from eth_utils import keccak
from played_rounds import History
from server_world import HORIZON
from webhook_receiver import Receiver

from oracle.records.rows import model_uuid
from oracle.settlement.batches import followers
from oracle.settlement.settled import settled_model
from oracle.settlement.units import UNITS_PER_NMR, WEI_PER_UNIT, nmr

Check = Callable[["Known", Any], object]


@dataclass
class Known:
    """The history without the server. ``said``: what earlier calls returned, by method; ``sent``:
    ids of submissions by their round. ``data``: the data set that the tournament publishes,
    ``past``: predictions for its validation rows; ``receiver`` has the model's webhook."""

    history: History
    folder: Path
    token: str
    others: list["Known"] = field(default_factory=list)
    said: dict[str, Any] = field(default_factory=dict)
    sent: dict[int, str] = field(default_factory=dict)
    receiver: Receiver = field(default_factory=Receiver)
    data: Path = Path()
    past: str = "past.csv"

    @property
    def tournament(self) -> int:
        return self.history.world.reader.addresses.tournament

    @property
    def settled(self) -> list[int]:
        """Numbers of the rounds that are settled, the oldest first."""
        return sorted(self.history.world.results)

    @property
    def uuid(self) -> str:
        return self.uuid_of(self.history.alpha)

    @property
    def wallet(self) -> str:
        return self.history.world.owner(self.history.alpha).address

    def uuid_of(self, model: int) -> str:
        where = self.history.world.reader.addresses
        return model_uuid(where.chain_id, where.pool, model)

    @property
    def mine(self) -> dict[str, str]:
        """Names and ids of the caller's models."""
        delta = self.history.delta
        return {"alpha": self.uuid, f"model-{delta}": self.uuid_of(delta)}

    def stake(self, model: int) -> int:
        """U in the model's lane, of the newest block."""
        reader = self.history.world.reader
        lane = reader.pool_at(reader.newest().number).lanes.get(model)
        return lane.stake if lane else 0

    def waiting(self, model: int) -> int:
        """U that what waits for rounds' closes adds to the lane, in order of the rounds."""
        reader, after = self.history.world.reader, self.stake(model)
        newest = reader.newest().number
        for number in range(reader.state(newest)["head"], self.history.open + 1):
            record = reader.queue(number, newest).get(model)
            if record is not None:
                after = max(after + record.deposit - record.release, 0)
        return after - self.stake(model)


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def equal(found: object, expected: object, what: str = "value") -> None:
    """Field by field, so that the difference is named."""
    if isinstance(found, dict) and isinstance(expected, dict):
        if set(found) != set(expected):
            raise AssertionError(f"{what} has {sorted(found)}, not {sorted(expected)}")
        for name in expected:
            equal(found[name], expected[name], f"{what}.{name}")
    elif isinstance(found, list) and isinstance(expected, list):
        if len(found) != len(expected):
            raise AssertionError(f"{what} has {len(found)} items, not {len(expected)}")
        for place, (one, other) in enumerate(zip(found, expected, strict=True)):
            equal(one, other, f"{what}[{place}]")
    elif found != expected:
        raise AssertionError(f"{what} is {found!r}, not {expected!r}")


# ---------------------------------------------------------------------- rounds and data


def settled_at(known: Known, number: int) -> int | None:
    """When the pool said that the round is settled."""
    reader = known.history.world.reader
    logs = reader.pool.events.RoundSettled().get_logs(from_block=0)
    blocks = [log["blockNumber"] for log in logs if log["args"]["round"] == number]
    return int(reader.web3.eth.get_block(blocks[0])["timestamp"]) if blocks else None


def _numbers(known: Known) -> list[int]:
    return [known.history.open, *reversed(known.settled)]


def _times(known: Known, number: int) -> dict[str, Any]:
    announced, over = known.history.world.announced(number), settled_at(known, number)
    return {
        "openTime": moment(announced.opens),
        "resolveTime": moment(over or announced.closes + HORIZON),
        "resolvedGeneral": over is not None,
        "resolvedStaking": over is not None,
    }


def competitions(known: Known, found: Any) -> None:
    expected = [{"number": number, **_times(known, number)} for number in _numbers(known)]
    equal(found, expected)


def rounds(known: Known, found: Any) -> None:
    """Without the scores' configurations, which are checked by themselves."""
    shown = [{k: v for k, v in one.items() if k != "roundScoreConfigs"} for one in found]
    expected = []
    for number in _numbers(known):
        announced = known.history.world.announced(number)
        result = known.history.world.results.get(number)
        commit = result and result.commit
        factor = commit and Decimal(min(commit.at_risk, announced.template.threshold))
        closes = moment(announced.closes)
        expected.append(
            {
                **_times(known, number),
                "id": f"{known.tournament}-{number}",
                "tournament": known.tournament,
                "number": number,
                "target": "target",
                "closeTime": closes,
                "closeStakingTime": closes,
                "payoutFactor": None if factor is None else factor / commit.at_risk,
                "stakeThreshold": nmr(announced.template.threshold),
                "dataDatestamp": int(f"{moment(announced.opens):%Y%m%d}"),
            }
        )
    equal([{k: v for k, v in one.items() if k != "scoreTime"} for one in shown], expected)


def is_open(known: Known, found: Any) -> None:
    """The client holds the times against its own clock, and a played chain is ahead of that."""
    announced, now = known.history.world.announced(known.history.open), datetime.now(UTC)
    equal(found, moment(announced.opens) < now < moment(announced.closes))


# ---------------------------------------------------------------------- people and models


def account(known: Known, found: Any) -> None:
    everything = [known, *known.others]
    held = sum(one.history.world.reader.tokens_of(known.wallet) for one in everything)
    ids = {uuid: name for one in everything for name, uuid in one.mine.items()}
    equal({one["id"]: one["name"] for one in found["models"]}, ids, "models")
    equal(found["walletAddress"], known.wallet, "walletAddress")
    equal(found["availableNmr"], Decimal(held) / UNITS_PER_NMR, "availableNmr")
    equal(found["mfaEnabled"], False, "mfaEnabled")
    equal([one["public_id"] for one in found["apiTokens"]], [known.token], "apiTokens")
    changed = {one["id"]: one["v2Stake"] is not None for one in found["models"]}
    equal(changed, {uuid: name == "alpha" for uuid, name in ids.items()}, "v2Stake")


def profile(known: Known, found: Any) -> None:
    reader = known.history.world.reader
    logs = reader.registry.events.Registered().get_logs(from_block=0)
    [log] = [one for one in logs if one["args"]["name_hash"] == keccak(text="alpha")]
    registered = reader.web3.eth.get_block(log["blockNumber"])["timestamp"]
    stake = Decimal(known.stake(known.history.alpha)) / UNITS_PER_NMR
    bio = known.said.get("bio")
    equal(
        found,
        {
            "id": known.uuid,
            "startDate": moment(registered),
            "username": "alpha",
            "bio": bio,
            "nmrStaked": stake or None,
        },
    )


def stake_value(known: Known, found: Any) -> None:
    """What the lane will hold after the close, payouts aside."""
    alpha = known.history.alpha
    units = known.stake(alpha) + known.waiting(alpha)
    equal(found, Decimal(units) / UNITS_PER_NMR if units else None)


def transfers(known: Known, found: Any) -> None:
    reader = known.history.world.reader
    mine = {known.history.alpha, known.history.delta}
    logs = [
        log
        for log in reader.pool.events.Deposited().get_logs(from_block=0)
        if log["args"]["model"] in mine and log["blockNumber"] <= reader.finalized().number
    ]
    expected = [
        {
            "amount": Decimal(log["args"]["amount"]) / UNITS_PER_NMR,
            "from": known.wallet,
            "to": reader.addresses.pool,
            "status": "confirmed",
            "time": moment(reader.web3.eth.get_block(log["blockNumber"])["timestamp"]),
            "tournament": known.tournament,
            "txHash": "0x" + bytes(log["transactionHash"]).hex(),
            "type": "deposit",
        }
        for log in reversed(logs)
    ]
    equal([one for one in found if one["tournament"] == known.tournament], expected)


# ---------------------------------------------------------------------- staking by the round


def v3_config(known: Known, found: Any) -> None:
    """The client does not say which tournament it means: it is told of the first."""
    first = min([known, *known.others], key=lambda one: one.tournament)
    where = first.history.world.reader.addresses
    equal(found["address"], where.pool, "address")
    equal(found["nmrAddress"], where.token, "nmrAddress")
    equal(found["paused"], False, "paused")


def v3_round(known: Known, found: Any) -> None:
    number = known.history.settled[0]
    commit, announced = (
        known.history.world.results[number].commit,
        known.history.world.announced(number),
    )
    equal(found["merkleRoot"], "0x" + commit.chain_head.hex(), "merkleRoot")
    equal(
        (found["roundId"], found["state"], found["resolved"]),
        (f"{known.tournament}-{number}", "RESOLVED", True),
    )
    equal(found["stakeThreshold"], nmr(announced.template.threshold), "stakeThreshold")
    gains = sum(log["args"]["gains"] for log in batches_of(known, number))
    equal(found["totalPayout"], nmr(gains), "totalPayout")


def v3_open_round(known: Known, found: Any) -> None:
    number = known.history.open
    announced = known.history.world.announced(number)
    closes = datetime.fromisoformat(found["closeTime"])
    equal((found["roundId"], found["state"]), (f"{known.tournament}-{number}", "OPEN"))
    equal((found["resolved"], closes), (False, moment(announced.closes)))
    models = range(known.history.world.reader.models())
    units = sum(known.stake(model) + known.waiting(model) for model in models)
    equal((found["totalStaked"], found["merkleRoot"]), (nmr(units), None))


def batches_of(known: Known, number: int) -> list[Any]:
    logs = known.history.world.reader.pool.events.BatchSettled().get_logs(from_block=0)
    return [log for log in logs if log["args"]["round"] == number]


def v3_claim(known: Known, found: Any) -> None:
    number, alpha = known.history.settled[0], known.history.alpha
    reader, result = known.history.world.reader, known.history.world.results[number]
    [block] = {log["blockNumber"] for log in batches_of(known, number)}
    before = reader.pool_at(block - 1).lanes[alpha].stake
    change = reader.pool_at(block).lanes[alpha].stake - before
    equal(int(found["payoutAmountWei"]), max(change, 0) * WEI_PER_UNIT, "payoutAmountWei")
    equal(int(found["burnAmountWei"]), max(-change, 0) * WEI_PER_UNIT, "burnAmountWei")
    equal(found["merkleRoot"], "0x" + result.commit.chain_head.hex(), "merkleRoot")
    path = settled_model(result.batches, alpha).path
    equal(found["proof"][0], "0x" + followers(result.batches)[0].hex(), "proof[0]")
    equal(len(found["proof"]), 2 + len(path.earlier if path else ()), "proof")
    equal((found["staker"], found["modelId"]), (known.wallet, str(alpha)))


def v3_auth(known: Known, found: Any) -> None:
    reader = known.history.world.reader
    equal(found["submissionId"], known.said["upload_predictions"], "submissionId")
    equal(found["nonce"], str(reader.nonce_of(known.history.alpha)), "nonce")
    equal(found["maxAmount"], "2.5", "maxAmount")
    equal(found["amount"], "2.5", "amount")
    equal(found["stakingAddress"], reader.addresses.relay, "stakingAddress")


def changed(action: str, amount: str | None) -> Check:
    """A change of a stake that is in a block now."""

    def check(known: Known, found: Any) -> None:
        announced = known.history.world.announced(known.history.open)
        equal((found["type"], found["status"]), (action, "mined"))
        if amount is not None:
            equal(Decimal(found["requestedAmount"]), Decimal(amount), "requestedAmount")
        due = found["dueDate"]
        due = datetime.fromisoformat(due) if isinstance(due, str) else due
        equal(due, moment(announced.closes), "dueDate")

    return check


def the(value: object) -> Check:
    return lambda _, found: equal(found, value)


def kept(name: str) -> Check:
    """Any text; later checks know it by ``name``."""

    def check(known: Known, found: Any) -> None:
        if not isinstance(found, str) or not found:
            raise AssertionError(f"{found!r} is no text")
        known.said[name] = found

    return check


def called(known: Known, found: Any) -> None:
    """The webhook was called with the trigger that is told."""
    trigger = found["data"]["triggerModelWebhook"]
    body = known.receiver.bodies()[-1]
    equal(
        body,
        {
            "triggerId": trigger,
            "modelId": known.uuid,
            "modelName": "alpha",
            "tournament": known.tournament,
            "roundNumber": known.history.open,
            "event": "asked",
        },
    )
    known.said["trigger"] = trigger


def triggered(known: Known, found: Any) -> None:
    """The submission that was made for the trigger names it."""
    [newest, *_] = found["data"]["submissions"]
    equal(newest["triggerId"], known.said.get("trigger"), "triggerId")
    equal(newest["round"], {"number": known.history.open, "tournament": known.tournament}, "round")

"""Vectors for the web app's tests: what the Python reference says of drawn inputs, as JSON on
standard output. Numbers are decimal text, as they may be larger than JavaScript's."""

import json
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from enum import IntEnum
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils import keccak
from hypothesis import HealthCheck, given, seed, settings

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "unit" / "settlement")]
from outlook_world import World, worlds  # noqa: E402

from oracle.bridge.exits import exit_id  # noqa: E402
from oracle.settlement import payout  # noqa: E402
from oracle.settlement.batches import Batch, chain, cut  # noqa: E402
from oracle.settlement.intents import StakeMandate  # noqa: E402
from oracle.settlement.settled import settled_model  # noqa: E402
from oracle.settlement.typed_data import (  # noqa: E402
    Commit,
    Confirm,
    Domain,
    digest,
    message,
    struct_hash,
)
from oracle.settlement.units import (  # noqa: E402
    MAX_AMOUNT,
    MAX_SCORE,
    MILLIONTH,
    RATE_ONE,
    RELEASE_ALL,
    nmr,
)
from oracle.settlement.words import (  # noqa: E402
    QueueRecord,
    ScoreLane,
    decode_lane,
    encode_record,
    encode_score_lane,
    score_words,
)

_SIGNER: LocalAccount = Account.from_key(keccak(text="an operator of the vectors"))


def payouts(dice: random.Random) -> list[dict[str, Any]]:
    """Rounds that begin, and what scores do to stakes in them."""
    found = []
    for _ in range(300):
        template = payout.Template(
            kinds=(1, 2, dice.choice([0, 3])),
            multipliers=(_some(dice, 10**8), _some(dice, 10**8), _some(dice, 10**8)),
            clip_up=_some(dice, RATE_ONE),
            clip_down=_some(dice, RATE_ONE),
            threshold=_some(dice, MAX_AMOUNT),
            kappa=_some(dice, MILLIONTH),
        )
        phi = dice.randint(MILLIONTH // 2, MILLIONTH)
        at_risk, total, vault = (_some(dice, MAX_AMOUNT) for _ in range(3))
        coefficients = payout.begin(template, phi, at_risk, total, vault)
        stake = min(_some(dice, MAX_AMOUNT), max(total, 1))
        lane = _score_lane(dice)
        found.append(
            {
                "template": asdict(template),
                "phi": phi,
                "at_risk": at_risk,
                "total": total,
                "vault": vault,
                "coefficients": asdict(coefficients),
                "stake": stake,
                "lane": {"bits": encode_score_lane(lane), **asdict(lane)},
                "change": payout.change(coefficients, stake, lane),
            }
        )
    return found


def words(dice: random.Random) -> dict[str, Any]:
    """Stake lanes and queue records as they are stored, amounts as they are written."""
    lanes = [dice.getrandbits(56) | dice.getrandbits(1) << 63 for _ in range(50)]
    records = [
        QueueRecord(
            dice.getrandbits(56),
            dice.choice([RELEASE_ALL, dice.getrandbits(40)]),
            dice.randint(0, 2),
            dice.choice([None, dice.getrandbits(20)]),
        )
        for _ in range(50)
    ]
    amounts = [0, 1, -1, 10**9, -(25 * 10**8), MAX_AMOUNT, dice.getrandbits(50)]
    return {
        "lanes": [{"bits": bits, **asdict(decode_lane(bits))} for bits in lanes],
        "records": [{"bits": encode_record(one), **asdict(one)} for one in records],
        "amounts": [{"units": units, "text": nmr(units)} for units in amounts],
    }


def paths(dice: random.Random) -> list[dict[str, Any]]:
    """Models' words, with the hashes that lead to a round's link."""
    found = []
    for models in (1, 9, 700, 6_000):
        count = -(-models // 4)
        some = dice.sample(range(models), max(1, models // 3))
        packed = score_words({model: _score_lane(dice) for model in some}, count)
        batches = cut(packed) if models > 1 else [Batch(0, ())]
        for model in (0, models // 2, models - 1):
            settled = settled_model(batches, model)
            path = settled.path
            found.append(
                {
                    "model": model,
                    "word": settled.word,
                    "chain_head": _hex(chain(batches)[0]),
                    "path": path
                    and {
                        "start": path.batch.start,
                        "words": path.batch.words,
                        "following": _hex(path.following),
                        "earlier": [
                            {"start": e.start, "words_hash": _hex(e.words_hash)}
                            for e in path.earlier
                        ],
                    },
                }
            )
    return found


def statements(dice: random.Random) -> list[dict[str, Any]]:
    """What operators sign."""
    found = []
    for number in range(20):
        where = Domain(dice.getrandbits(31), _address(dice))
        fields: dict[str, Any] = {
            "pool": _address(dice),
            "tournament": 8,
            "round": number,
            "epoch": dice.randint(1, 9),
            "at_risk": dice.getrandbits(56),
            "words": dice.getrandbits(18),
        }
        for name in ("announce_hash", "close_block_hash", "chain_head", "manifest", "meta_root"):
            fields[name] = dice.randbytes(32)
        commit = Commit(**fields)
        confirm = Confirm(**fields, challenge_id=dice.randbytes(32))
        said = confirm if number % 2 else commit
        signed = _SIGNER.sign_message(message(said, where))
        shown = {k: _hex(v) if isinstance(v, bytes) else v for k, v in asdict(said).items()}
        found.append(
            {
                "chain_id": where.chain_id,
                "oracle": where.contract,
                "said": shown,
                "hash": _hex(struct_hash(commit)),
                "digest": _hex(digest(said, where)),
                "signer": _SIGNER.address,
                "signature": _hex(bytes(signed.signature)),
            }
        )
    return found


def mandates(dice: random.Random) -> list[dict[str, Any]]:
    """Mandates and the hashes by which StakeRelay knows them."""
    found = []
    for _ in range(10):
        mandate = StakeMandate(
            pool=_address(dice),
            owner=_address(dice),
            relayer=_address(dice),
            models=tuple(sorted(dice.sample(range(2**20), dice.randint(0, 5)))),
            max_deposit=dice.getrandbits(80),
            max_release=dice.choice([2**256 - 1, dice.getrandbits(80)]),
            expiry=dice.getrandbits(32),
            salt=dice.getrandbits(200),
        )
        found.append({"mandate": asdict(mandate), "hash": _hex(mandate.hash())})
    return found


def exits(dice: random.Random) -> list[dict[str, Any]]:
    """Ids under which the root chain marks exits."""
    indexes = [0, 1, 15, 16, 127, 128, 255, 256, 65_535]
    places = [(dice.getrandbits(40), index, dice.randint(0, 9)) for index in indexes]
    return [
        {"block": block, "index": index, "log": log, "id": _hex(exit_id(block, index, log))}
        for block, index, log in places
    ]


def outlooks() -> list[dict[str, Any]]:
    """Pools with rounds in every state, and what a release or a deposit comes to."""
    found: list[dict[str, Any]] = []

    @seed(20261123)
    @settings(
        max_examples=250, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(worlds())
    def gather(world: World) -> None:
        if not world.pool.wound_down:
            found.append(_outlook(world))

    gather()
    return found


def _outlook(world: World) -> dict[str, Any]:
    outlook, pool = world.outlook(), world.pool
    pending = range(pool.head, pool.last_announced + 1)
    amount = 12_345_678_901
    asked = [(model, size) for model in range(3) for size in (RELEASE_ALL, 3 * 10**8)]
    return {
        "pool": {
            "now": world.now,
            "head": pool.head,
            "head_since": pool.head_since,
            "last_announced": pool.last_announced,
            "previous_close": pool.closes.get(pool.head - 1, world.now),
            "clocks": asdict(pool.clocks),
            "timing": asdict(outlook.timing),
            "clip_down": outlook.clip_down,
            "rounds": [_facts(world, number) for number in pending],
        },
        "deposit": {"amount": amount, **asdict(outlook.deposit(amount))},
        "releases": [
            {
                "stake": pool.lane(model).stake,
                "asked": size,
                "records": [
                    {"round": number, **asdict(queue[model])}
                    for number, queue in pool.queues.items()
                    if model in queue
                ],
                **asdict(outlook.release(model, size)),
            }
            for model, size in asked
        ],
    }


def _facts(world: World, number: int) -> dict[str, Any]:
    facts, pool = world.outlook().rounds.get(number), world.pool
    return {
        "status": facts.status if facts else 0,
        "closes": pool.closes[number],
        "horizon": facts.horizon if facts else 0,
        "final_at": facts.final_at if facts else 0,
        "challenged_at": facts.challenged_at if facts else 0,
        "clip_down": facts.clip_down if facts else 0,
        "skipped": number in pool.skipped,
        "void_at": pool.void_at.get(number, 0),
    }


def _some(dice: random.Random, most: int) -> int:
    """Extremes often, and sizes of every order."""
    drawn = dice.getrandbits(dice.randint(1, most.bit_length()))
    return dice.choice([0, 1, most, min(most, drawn), min(most, drawn)])


def _score_lane(dice: random.Random) -> ScoreLane:
    first, second, third = (
        dice.choice([0, MAX_SCORE, -MAX_SCORE, dice.randint(-MAX_SCORE, MAX_SCORE)])
        for _ in range(3)
    )
    return ScoreLane((first, second, third), dice.randint(0, 15))


def _address(dice: random.Random) -> str:
    return "0x" + dice.randbytes(20).hex()


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _plain(value: Any) -> Any:
    """The same for JSON."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, IntEnum):
        return str(int(value))
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_PARTS: dict[str, Callable[[random.Random], Any]] = {
    "payouts": payouts,
    "words": words,
    "paths": paths,
    "statements": statements,
    "mandates": mandates,
    "exits": exits,
    "outlooks": lambda _: outlooks(),
}


def main(names: Sequence[str]) -> None:
    """The parts that are named, or all."""
    made = {name: _plain(_PARTS[name](random.Random(name))) for name in names or _PARTS}
    json.dump(made, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])

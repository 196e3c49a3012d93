"""Checks against the chain and the other operators: standing, gas money, clock, peers, rounds."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import TypeAdapter

from oracle.chain.reader import PoolReader
from oracle.chain.rpc import readable
from oracle.operator.cards import MAX_CARD, is_genuine
from oracle.operator.checks import Check, Look, Said, SkippedError, fail, ok, warn
from oracle.operator.checks_of_bridge import burns
from oracle.operator.checks_of_endpoints import endpoints
from oracle.operator.cost import Expected, expected
from oracle.operator.peers import Peer, ask_all
from oracle.settlement.rounds import Status
from oracle.settlement.typed_data import Domain
from oracle.settlement.wire import CardMessage

CLOCK_WARN, CLOCK_FAIL = 30, 3_600
_CARD = TypeAdapter(CardMessage)
_COIN = 10**18
_GWEI = 10**9
_ROUNDS_BACK = 20
_HOUR = 3_600


def _clock(look: Look) -> Iterator[Said]:
    yield clock(look.chain)


def clock(reader: PoolReader) -> Said:
    """This machine's clock, held against the newest block's."""
    newest = reader.newest()
    ahead = int(time.time()) - newest.timestamp
    side = "ahead of" if ahead >= 0 else "behind"
    text = f"this machine is {abs(ahead)} s {side} block {newest.number}"
    fix = "let a time service (NTP) set the clock; if it does, the chain stands still"
    if abs(ahead) > CLOCK_FAIL:
        return fail(text, fix)
    return warn(text, fix) if abs(ahead) > CLOCK_WARN else ok(text)


# ---------------------------------------------------------------------- standing


def _role(look: Look) -> Iterator[Said]:
    reader, own = look.chain, look.address
    if own not in reader.operators():
        yield fail(
            f"{own} is no operator of this tournament",
            "send join.json to its governor: assay operator join-check says how it is added",
            refused=True,
        )
        return
    following = reader.state()["last_announced"] + 1
    members = reader.members(following)
    if own not in members:
        yield _retired(reader, own, following - 1)
        return
    if own not in reader.signers(following):
        yield fail(
            f"{own} is suspended or revoked: its signatures do not count",
            "docs/runbook.md#suspended: ask the guardian, or the governor",
            refused=True,
        )
        return
    needed = reader.needed(following)
    yield ok(f"operator {members.index(own) + 1} of {len(members)}, {needed} must sign")
    if len(members) > 1 and 3 * needed <= 2 * len(members):
        yield warn(
            f"{len(members) - needed} of them may be down, but fewer liars could divide the others",
            f"have the governor let {2 * len(members) // 3 + 1} sign: docs/operators.md#agreement",
        )


def _retired(reader: PoolReader, own: str, last: int) -> Said:
    """A retired operator is needed until the last round that it belongs to has ended."""
    head = reader.state()["head"]
    mine = [number for number in range(head, last + 1) if own in reader.members(number)]
    if mine:
        return warn(
            f"retired; still needed for rounds {mine[0]} to {mine[-1]}",
            "let it run until these are settled",
        )
    return warn(
        "retired, and its last round has ended", "stop it; keep its folder, key and identity"
    )


# ---------------------------------------------------------------------- gas money


def _balance(look: Look) -> Iterator[Said]:
    reader, own = look.chain, look.address
    announcer = look.config.announce
    accounts = {own: False}
    if announcer is not None:
        address = announcer.signer.open().address
        accounts[address] = True
    due = expected(reader, look.days, announces=False)
    announcing = expected(reader, look.days, announces=True)
    for address, announces in accounts.items():
        with readable(reader.url):
            holds = reader.web3.eth.get_balance(address)  # type: ignore[arg-type]
        yield _enough(address, holds, announcing if announces else due)


def _enough(address: str, holds: int, need: Expected) -> Said:
    text = (
        f"{address} holds {coins(holds)}; {need.days} days cost at most {coins(need.wei)} "
        f"({need.rounds} rounds, {need.models} models, {need.price / _GWEI:.3g} gwei)"
    )
    fix = f"send it {coins(max(need.wei - holds, 0))} more"
    if holds < need.wei_of_round:
        return fail(text, f"not enough for one round; {fix}")
    return warn(text, fix) if holds < need.wei else ok(text)


def coins(wei: int) -> str:
    """An amount of the chain's coin: to the cent, and below one to four digits."""
    amount = wei / _COIN
    return f"{amount:,.2f}" if amount >= 1 else f"{amount:.4g}"


# ---------------------------------------------------------------------- other operators


def _peers(look: Look) -> Iterator[Said]:
    try:
        own = look.address
    except SkippedError:
        own = ""
    yield from members_at(look.chain, look.config.peers, own, "peers")


def members_at(reader: PoolReader, urls: Sequence[str], own: str, field: str) -> Iterator[Said]:
    """Which of the tournament's operators are at these addresses, which ``field`` of the
    configuration lists; ``own`` is the one that asks, or empty."""
    members = reader.members(reader.state()["last_announced"] + 1)
    domain = Domain(reader.addresses.chain_id, reader.addresses.pool)
    met = {own}
    peers = [Peer(url) for url in urls]
    for peer, card in ask_all(peers, lambda peer: peer.read(_CARD, "/card", MAX_CARD)):
        if card is not None and is_genuine(card, domain, members):
            met.add(card.operator)
        genuine = card is None or is_genuine(card, domain, members)
        yield _peer(peer.url, card, own, genuine, field)
    missing = [who for who in members if who not in met]
    if missing:
        yield warn(
            f"{len(missing)} of {len(members)} operators are at none of these addresses: "
            + ", ".join(missing),
            f"ask them for their addresses and add these to {field}",
        )


def _peer(url: str, card: CardMessage | None, own: str, genuine: bool, field: str) -> Said:
    if card is None:
        return warn(f"{url} shows no card", "see whether it runs, and the address")
    if not genuine:
        return fail(
            f"{url} shows a card that no operator of this tournament signed",
            f"correct its address in {field}",
        )
    if card.operator == own:
        return warn(f"{url} is this operator itself", f"remove it from {field}")
    return ok(f"{url} is {card.operator}")


# ---------------------------------------------------------------------- rounds


def _commits(look: Look) -> Iterator[Said]:
    reader = look.chain
    newest = reader.newest()
    state = reader.state(newest.number)
    head, last = state["head"], state["last_announced"]
    seen = None
    for number in range(last, max(0, last - _ROUNDS_BACK), -1):
        facts = reader.facts(number, newest, head)
        if facts.status is Status.ANNOUNCED and facts.due <= newest.timestamp:
            end = facts.due + reader.timing["grace"]
            hours = (end - newest.timestamp) // _HOUR
            yield warn(
                f"round {number} is due and has no commit; it ends void in {hours} h",
                "docs/runbook.md#roundnotcommitted",
            )
        elif facts.status is Status.CHALLENGED:
            yield warn(f"round {number} is challenged", "docs/runbook.md#roundchallenged")
        elif seen is None and facts.status in (Status.COMMITTED, Status.FINAL):
            seen = number
    if seen is None:
        yield ok(f"no commit yet; {last} rounds are announced, {head} is next")
    else:
        yield ok(_commit(reader, look, seen))


def _commit(reader: PoolReader, look: Look, number: int) -> str:
    events = reader.oracle.events
    logs: list[Any] = []
    for event in (events.Committed, events.Confirmed):
        logs += reader.logs.logs(event, {"round": number}, 0, reader.newest().number)
    text = f"the last one is of round {number}"
    if not logs:
        return text
    signers, everyone = logs[-1]["args"]["signers"], reader.operators()
    text += f", in block {logs[-1]['blockNumber']}, signed by {signers.bit_count()}"
    try:
        index = everyone.index(look.address)
    except (SkippedError, ValueError):
        return text
    return text + (", this one among them" if signers >> index & 1 else ", this one not among them")


CHAIN_CHECKS: Sequence[tuple[str, Check]] = (
    ("endpoints", endpoints),
    ("clock", _clock),
    ("role", _role),
    ("balance", _balance),
    ("peers", _peers),
    ("commits", _commits),
    ("burns", burns),
)

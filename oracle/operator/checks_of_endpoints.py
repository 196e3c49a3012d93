"""Whether each RPC endpoint is fit for an operator, and whether they agree."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from oracle.chain.endpoint import host
from oracle.chain.reader import PoolReader
from oracle.chain.rpc import block, readable
from oracle.errors import AssayError
from oracle.operator.checks import Level, Said, fail, ok, warn
from oracle.operator.config import ChainSettings

_ROUNDS_BACK = 20


class _ChainUse(Protocol):
    """A tournament, and how its chain is reached."""

    @property
    def chain(self) -> ChainSettings: ...
    @property
    def pool(self) -> str: ...
    @property
    def chain_id(self) -> int: ...


class _Look(Protocol):
    @property
    def config(self) -> _ChainUse: ...


@dataclass(slots=True)
class _Endpoint:
    """One endpoint by itself; ``trouble`` is why it is of no use, empty if it is."""

    url: str
    reader: PoolReader | None = None
    head: int = 0
    head_time: int = 0
    finalized: int = 0
    trouble: str = ""
    fix: str = ""

    @property
    def usable(self) -> bool:
        return not self.trouble

    def lacks(self, trouble: str, fix: str) -> None:
        self.trouble, self.fix = trouble, fix


def endpoints(look: _Look) -> Iterator[Said]:
    """A line for each, then whether enough of them agree."""
    config = look.config
    looked = [_opened(url, config) for url in dict.fromkeys(config.chain.urls)]
    _find_stale(looked, config.chain.stale_seconds)
    _ask_history(looked)
    differing = _find_differing(looked)
    together = _together(looked, config)
    needed = together.level is Level.FAIL
    for one in looked:
        name = host(one.url)
        if one in differing:
            yield fail(f"{name} {one.trouble}", one.fix)
        elif not one.usable:
            yield (fail if needed else warn)(f"{name} {one.trouble}", one.fix)
        else:
            yield ok(f"{name}: block {one.head}, finalized {one.finalized}, has history")
    yield together


def _opened(url: str, config: _ChainUse) -> _Endpoint:
    one = _Endpoint(url)
    try:
        reader = PoolReader.open(url, config.pool, config.chain_id)
        newest = reader.newest()
    except AssayError as error:
        one.lacks(error.message.removeprefix(host(url)).strip(), error.fix)
        return one
    one.reader, one.head, one.head_time = reader, newest.number, newest.timestamp
    try:
        one.finalized = reader.finalized().number
    except AssayError:
        one.lacks("does not serve the finalized block", "use another provider, or a newer node")
    return one


def _find_stale(looked: Sequence[_Endpoint], stale_seconds: float) -> None:
    newest = max((one.head_time for one in looked if one.usable), default=0)
    for one in looked:
        if one.usable and one.head_time < newest - stale_seconds:
            behind = newest - one.head_time
            one.lacks(f"is {behind} s behind the others", "see whether the node is synchronised")


def _ask_history(looked: Sequence[_Endpoint]) -> None:
    """Whether each has the state at the close of the last round that has closed."""
    usable = [one for one in looked if one.usable and one.reader is not None]
    number = next((n for one in usable if (n := _close_block(one)) is not None), None)
    if number is None:
        return
    for one in usable:
        assert one.reader is not None
        if number > one.finalized:
            continue
        try:
            one.reader.state(number)
        except AssayError:
            one.lacks(
                f"does not have the state of block {number}, at which a round closed",
                "use an endpoint that keeps history (an archive node)",
            )


def _close_block(one: _Endpoint) -> int | None:
    """The last final close's block; None before the first, or where the endpoint cannot say."""
    reader = one.reader
    assert reader is not None
    try:
        finalized = reader.finalized()
        last = reader.state(finalized.number)["last_announced"]
        for number in range(last, max(0, last - _ROUNDS_BACK), -1):
            closes = reader.round_state(number, finalized.number)["close"]
            if 0 < closes <= finalized.timestamp:
                return reader.close_block(closes, finalized).number
    except AssayError:
        pass
    return None


def _find_differing(looked: Sequence[_Endpoint]) -> list[_Endpoint]:
    """Those that answer otherwise than the most; with two that differ, both."""
    usable = [one for one in looked if one.usable]
    if len(usable) < 2:
        return []
    number = min(one.finalized for one in usable)
    answers = {id(one): _answer(one, number) for one in usable}
    votes = Counter(answer for answer in answers.values() if answer is not None)
    [(most, count)] = votes.most_common(1) or [(None, 0)]
    settled = count > sum(votes.values()) / 2
    differing = []
    for one in usable:
        if len(votes) > 1 and (answers[id(one)] != most or not settled):
            one.lacks(
                f"has another block {number}, or another state there, than the others",
                "remove it; add an endpoint if it is not clear which one is wrong",
            )
            differing.append(one)
    return differing


def _answer(one: _Endpoint, number: int) -> Any:
    """Hash of a final block, and the pool's state at it."""
    assert one.reader is not None
    try:
        with readable(one.url):
            return block(one.reader.web3, number).hash, str(one.reader.state(number))
    except AssayError:
        return None


def _together(looked: Sequence[_Endpoint], config: _ChainUse) -> Said:
    usable, agree = sum(one.usable for one in looked), config.chain.agree
    text = f"{usable} of {len(looked)} can be used, {agree} must agree"
    if not usable or (usable < agree and not config.chain.solo):
        return fail(text, "see the lines above")
    if len(looked) == 1:
        return warn(
            "one endpoint only: whatever it says is believed",
            "add one of another company to [chain] urls",
        )
    if agree == 1:
        return warn("agree is 1: whatever an endpoint says is believed", "set agree = 2")
    return ok(text) if usable >= agree else warn(text, "see the lines above")

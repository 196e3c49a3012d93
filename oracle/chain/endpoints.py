"""Several RPC endpoints used as one: health, failover, and agreement on what cannot change."""

import logging
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from oracle.chain.answers import (
    Answer,
    Kind,
    at_block,
    is_refusal,
    is_repeatable,
    kind_of,
    names_finalized,
    newest_block,
)
from oracle.chain.ballot import Ballot
from oracle.chain.endpoint import Endpoint, EndpointHealth, NoAnswerError
from oracle.chain.fan_out import outcome
from oracle.chain.parallel import in_parallel
from oracle.chain.watch import Watch
from oracle.errors import UnreachableError

_PASSES = 3
_PAUSE_SECONDS = 0.2
_SECOND_LOOKS = (0.2,)
_SECOND_LOOKS_BEFORE_FINALITY = (0.2, 0.4, 0.8)
_TIMEOUT_SECONDS, _TIMEOUT_SECONDS_OF_ONE = 10.0, 20.0
_log = logging.getLogger("assay.chain")


class _NobodyAnsweredError(Exception):
    """None of the endpoints that were asked gave any answer."""


class Endpoints:
    """Answers JSON-RPC requests from the endpoints at ``urls``, in order of preference.

    What cannot change any more is asked of ``agree`` healthy endpoints, and the answers must be
    equal; the rest goes to the best one and fails over. With fewer than ``agree`` healthy ones,
    those there are suffice, unless ``solo`` is false. Thread-safe.
    """

    def __init__(
        self,
        urls: Sequence[str],
        chain_id: int | None = None,
        *,
        agree: int = 2,
        solo: bool = True,
        stale_seconds: float = 30.0,
        timeout: float | None = None,
        check_seconds: float = 10.0,
    ) -> None:
        several = len(urls) > 1
        self._timeout = timeout or (_TIMEOUT_SECONDS if several else _TIMEOUT_SECONDS_OF_ONE)
        self._all = [Endpoint(url, self._timeout) for url in urls]
        self._agree = max(1, min(agree, len(urls)))
        self._solo = solo
        self._watch = Watch(
            self._all,
            chain_id,
            agree=self._agree,
            stale_seconds=stale_seconds,
            every=check_seconds,
        )

    @property
    def label(self) -> str:
        """The hosts, for error texts; safe to show."""
        hosts = [endpoint.host for endpoint in self._all]
        return hosts[0] if len(hosts) == 1 else ", ".join(h.partition("://")[2] or h for h in hosts)

    @property
    def chain_id(self) -> int:
        """The chain that is served; asks the endpoints the first time."""
        if self._watch.chain_id is None or not self._watch.healthy():
            self._watch.keep()
        if self._watch.chain_id is None or not self._watch.healthy():
            raise self._unusable()
        return self._watch.chain_id

    def health(self) -> list[EndpointHealth]:
        return [endpoint.health() for endpoint in self._all]

    # ------------------------------------------------------------------ requests

    def request(self, method: str, parameters: list[Any]) -> Answer:
        """The answer, or an RPC error that every endpoint gives.

        Raises UnreachableError where no endpoint answers, too few do, or they disagree.
        """
        started = time.monotonic()
        for attempt in range(_PASSES):
            if attempt:
                time.sleep(_PAUSE_SECONDS * attempt * (0.5 + random.random()))
            self._watch.keep()
            try:
                return self._answer(method, list(parameters))
            except _NobodyAnsweredError:
                if not is_repeatable(method) or time.monotonic() - started > self._timeout:
                    break
        raise self._unusable()

    def _answer(self, method: str, parameters: list[Any]) -> Answer:
        healthy = self._watch.healthy()
        if not healthy:
            raise _NobodyAnsweredError
        if method == "eth_chainId":
            return _result(hex(self.chain_id))
        if names_finalized(method, parameters):
            block = self._finalized(healthy, False).get("result")
            if block is None:
                return _error("no finalized block is known")
            parameters = at_block(method, parameters, int(block["number"], 16))
        match kind_of(method, parameters):
            case Kind.FIXED:
                return self._agreed(healthy, method, parameters)
            case Kind.FINALIZED:
                return self._finalized(healthy, *parameters[1:])
            case Kind.BROADCAST:
                return self._broadcast(healthy, method, parameters)
            case Kind.LOOKUP:
                return self._first(healthy, method, parameters, lambda a: a.get("result"))
            case _:
                return self._first(healthy, method, parameters, lambda a: not _is_lack(a))

    def _first(
        self,
        healthy: list[Endpoint],
        method: str,
        parameters: list[Any],
        suffices: Callable[[Answer], Any],
    ) -> Answer:
        """The first answer that suffices; else the first there was."""
        fallback = None
        for endpoint in healthy:
            answer = self._ask(method, parameters, endpoint)
            if answer is not None and suffices(answer):
                return answer
            fallback = fallback or answer
        if fallback is None:
            raise _NobodyAnsweredError
        return fallback

    def _broadcast(self, healthy: list[Endpoint], method: str, parameters: list[Any]) -> Answer:
        answers = self._ask_all(healthy, method, parameters)
        lookup = partial(self._first, healthy, suffices=lambda a: a.get("result"))
        answer = outcome([a for _, a in answers if a], parameters[0], lookup)
        if answer is None:
            raise _NobodyAnsweredError
        return answer

    # ------------------------------------------------------------------ agreement

    def _needed(self, healthy: list[Endpoint]) -> int:
        if len(healthy) < self._agree and not self._solo:
            raise self._too_few(len(healthy))
        return min(self._agree, len(healthy))

    def _finalized(self, healthy: list[Endpoint], full: bool = False) -> Answer:
        """The greatest block that enough endpoints have finalized, its hash agreed on."""
        method = "eth_getBlockByNumber"
        answers = self._ask_all(healthy, method, ["finalized", full])
        known = {e: a for e, a in answers if a is not None and isinstance(a.get("result"), dict)}
        for endpoint, answer in known.items():
            endpoint.finalized = int(answer["result"]["number"], 16)
        if not known:
            refused = next((a for _, a in answers if a is not None), None)
            if refused is None:
                raise _NobodyAnsweredError
            return refused
        ranked = sorted(known, key=lambda e: e.finalized, reverse=True)
        number = ranked[self._needed(ranked) - 1].finalized
        holders = [e for e in ranked if e.finalized == number]
        ballot = Ballot(method, self._needed(ranked)).add((e, known[e]) for e in holders)
        # Those further on know the block as well; those behind may, and settle a difference.
        waiting = [e for e in ranked if e.finalized > number]
        waiting += [e for e in ranked if e.finalized < number]
        return self._agreed(waiting, method, [hex(number), full], ballot)

    def _agreed(
        self,
        waiting: list[Endpoint],
        method: str,
        parameters: list[Any],
        ballot: Ballot | None = None,
    ) -> Answer:
        """What enough of the endpoints answer, whoever answers otherwise being kept out."""
        ballot = ballot or Ballot(method, self._needed(waiting))
        waiting = list(waiting)
        while waiting and not ballot.decided:
            count = max(1, ballot.needed - ballot.most)
            asked, waiting = waiting[:count], waiting[count:]
            ballot.add(self._ask_all(asked, method, parameters))
        if ballot.split:
            ballot = self._second_look(ballot, method, parameters)
        elif self._is_alone(ballot, method, parameters):
            time.sleep(_SECOND_LOOKS[0])
            refusers, ballot.refusers = ballot.refusers, []
            ballot.add(self._ask_all(refusers, method, parameters))
        answer = ballot.winner()
        if answer is None:
            return self._undecided(ballot)
        if not ballot.decided and not self._solo:
            raise self._too_few(ballot.most)
        if self._is_alone(ballot, method, parameters):
            return self._unconfirmed(ballot)
        for endpoint in ballot.losers():
            self._outvoted(endpoint, method, parameters)
        return answer

    def _is_alone(self, ballot: Ballot, method: str, parameters: list[Any]) -> bool:
        """Whether too few answer what others, who can be reached and know the block, refuse to.

        Code is left out: it is asked for at blocks whose state few keep, to find the deployment.
        """
        few = 0 < ballot.most < ballot.needed and bool(ballot.refusers)
        return few and method != "eth_getCode" and self._is_final(method, parameters)

    def _unconfirmed(self, ballot: Ballot) -> Answer:
        """The refusal instead: one endpoint must not decide what the others cannot check."""
        for endpoint in ballot.voters:
            count = endpoint.unconfirmed()
            if count & (count - 1) == 0:  # ever more seldom
                _log.warning(
                    "%s alone answers %s, which %s refuse; not believed (%d times)",
                    endpoint.host,
                    ballot.method,
                    ", ".join(sorted(refuser.host for refuser in ballot.refusers)),
                    count,
                )
        assert ballot.refused is not None
        return ballot.refused

    def _second_look(self, ballot: Ballot, method: str, parameters: list[Any]) -> Ballot:
        """Asks again those that differed: a block may have been on its way, or have moved."""
        final = self._is_final(method, parameters)
        for pause in _SECOND_LOOKS if final else _SECOND_LOOKS_BEFORE_FINALITY:
            time.sleep(pause)
            again = self._ask_all(ballot.voters, method, parameters)
            ballot = Ballot(method, ballot.needed).add(again)
            if not ballot.split:
                break
        return ballot

    def _is_final(self, method: str, parameters: list[Any]) -> bool:
        """Whether an honest endpoint cannot answer a fixed request otherwise."""
        number = newest_block(method, parameters)
        finalized = sorted((e.finalized for e in self._all), reverse=True)
        return number is None or number <= finalized[self._agree - 1]

    def _outvoted(self, endpoint: Endpoint, method: str, parameters: list[Any]) -> None:
        if self._is_final(method, parameters):
            endpoint.outvoted(f"answered {method} otherwise than the others")
            _log.warning("endpoint outvoted and kept out: %s, %s", endpoint.host, method)
        else:
            endpoint.differed()

    def _undecided(self, ballot: Ballot) -> Answer:
        if not ballot.split:
            if ballot.refused is None:
                raise _NobodyAnsweredError
            return ballot.refused
        for endpoint in ballot.voters:
            endpoint.differed()
        hosts = ", ".join(sorted(endpoint.host for endpoint in ballot.voters))
        raise UnreachableError(
            f"the RPC endpoints disagree on {ballot.method}: {hosts}",
            "add another endpoint, whose answer settles it, or remove the wrong one",
        )

    # ------------------------------------------------------------------ asking

    def _ask(self, method: str, parameters: list[Any], endpoint: Endpoint) -> Answer | None:
        """An endpoint's answer, or None, after which it is left alone for a time."""
        try:
            return endpoint.ask(method, parameters)
        except NoAnswerError as error:
            endpoint.failed(str(error))
            return None

    def _ask_all(
        self, endpoints: Sequence[Endpoint], method: str, parameters: list[Any]
    ) -> list[tuple[Endpoint, Answer | None]]:
        """Asks at the same time; answers in the order of the endpoints."""
        answers = in_parallel(partial(self._ask, method, parameters), endpoints)
        return list(zip(endpoints, answers, strict=True))

    # ------------------------------------------------------------------ trouble

    def _too_few(self, count: int) -> UnreachableError:
        return UnreachableError(
            f"{count} of {len(self._all)} RPC endpoints answer, {self._agree} must agree",
            f"see to the others: {self._troubles()}",
        )

    def _troubles(self) -> str:
        return "; ".join(f"{e.host} {e.reason}" for e in self._all if not e.healthy) or "none"

    def _unusable(self) -> UnreachableError:
        fix = "check that the node runs and the URL is right"
        if len(self._all) > 1:
            return UnreachableError(f"no RPC endpoint can be used: {self._troubles()}", fix)
        only = self._all[0]
        if only.reason.startswith("serves chain"):
            fix = "pass the RPC address of the right chain"
        if only.healthy or only.reason == "does not answer":
            return UnreachableError(f"no answer from {only.host}", fix)
        return UnreachableError(f"{only.host} {only.reason}", fix)


def _is_lack(answer: Answer) -> bool:
    """Whether another endpoint may well answer where this one says it cannot."""
    if not is_refusal(answer):
        return False
    error = answer["error"]
    message = str(error.get("message", "")).lower()
    return error.get("code") == -32601 or "not found" in message or "missing trie" in message


def _result(result: Any) -> Answer:
    return {"jsonrpc": "2.0", "id": 1, "result": result}


def _error(message: str) -> Answer:
    return {"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": message}}

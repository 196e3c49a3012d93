"""RPC endpoints that fail, stand still or lie."""

from collections.abc import Mapping
from typing import Any

import httpx
from fault_net import Member, NetKind, await_until
from fault_rounds import Fault, FaultWorld
from faulty_rpc import FaultyRpc

ENDPOINTS = 3


class BrokenEndpoints(Fault):
    """Endpoints with a fault of ``FaultyRpc`` from the opening on, or once the round is due."""

    kind = NetKind(endpoints=ENDPOINTS)

    def __init__(self, name: str, *, when_due: bool = False, **faults: Mapping[str, Any]) -> None:
        self.name, self.when_due, self.faults = name, when_due, faults
        self.broken: list[FaultyRpc] = []

    def chosen(self, world: FaultWorld, number: int) -> list[FaultyRpc]:
        """All endpoints of the operator whose turn it is."""
        return world.net.leader(number).proxies

    def opened(self, world: FaultWorld, number: int) -> None:
        if not self.when_due:
            self._break(world, number)

    def due(self, world: FaultWorld, number: int) -> None:
        if self.when_due:
            self._break(world, number)

    def _break(self, world: FaultWorld, number: int) -> None:
        self.broken = self.chosen(world, number)
        self.asked = self._requests()
        for proxy in self.broken:
            proxy.set(**self.faults)
            self.undo.callback(proxy.clear)

    def _requests(self) -> int:
        """Requests that came to what is broken, of the methods that the fault is about."""
        methods = {m for fault in self.faults.values() for m in fault.get("methods", ())}
        return sum(
            count
            for proxy in self.broken
            for method, count in dict(proxy.requests).items()
            if not methods or method in methods
        )

    def heal(self, world: FaultWorld, number: int) -> None:
        self.asked = self._requests() - self.asked
        self.undo.close()

    def seen(self, world: FaultWorld, number: int) -> str:
        assert self.asked, "nobody asked a broken endpoint"
        return f"{self.asked} requests answered so"


class BrokenButOne(BrokenEndpoints):
    """All endpoints of every operator but its last one, all of which it trusts before."""

    def before(self, world: FaultWorld, number: int) -> None:
        await_until(lambda: all(map(_trusts_all, world.net.members)), 90, "endpoints in use again")

    def chosen(self, world: FaultWorld, number: int) -> list[FaultyRpc]:
        return [proxy for member in world.net.members for proxy in member.proxies[:-1]]


class BrokenEverywhere(BrokenEndpoints):
    """All endpoints of every operator."""

    def chosen(self, world: FaultWorld, number: int) -> list[FaultyRpc]:
        return [proxy for member in world.net.members for proxy in member.proxies]


class LyingEndpoint(BrokenEndpoints):
    """The first endpoint of every operator says what is not true, the others outvote it."""

    def chosen(self, world: FaultWorld, number: int) -> list[FaultyRpc]:
        self.logged = {m.name: len(world.net.log_of(m)) for m in world.net.members}
        return [member.proxies[0] for member in world.net.members]

    def heal(self, world: FaultWorld, number: int) -> None:
        super().heal(world, number)
        self.outvoted = [m.name for m in world.net.members if self._is_outvoted(world, m)]
        # A new process trusts it again.
        world.recovered = max(map(world.net.restart_operator, world.net.members))

    def _is_outvoted(self, world: FaultWorld, member: Member) -> bool:
        said = world.net.log_of(member)[self.logged[member.name] :]
        return f"outvoted and kept out: {member.proxies[0].url}" in said

    def seen(self, world: FaultWorld, number: int) -> str:
        missing = {m.name for m in world.net.members} - set(self.outvoted)
        assert not missing, f"not outvoted at {', '.join(sorted(missing))}"
        return "outvoted and kept out at all operators"


def _trusts_all(member: Member) -> bool:
    """Whether the operator holds all its endpoints to be healthy."""
    shown = httpx.get(f"{member.url}/metrics", timeout=5).text.splitlines()
    lines = [line for line in shown if line.startswith("assay_rpc_healthy{")]
    return len(lines) == ENDPOINTS and all(line.endswith(" 1.0") for line in lines)


_BROKEN: Mapping[str, tuple[bool, Mapping[str, Mapping[str, Any]]]] = {
    "429": (False, {"http_429": {}}),
    "500": (False, {"http_500": {}}),
    "truncated": (False, {"truncated": {}}),
    "hanging": (True, {"hang": {}}),
}
_LOST = {"lost_response": {"methods": ["eth_sendRawTransaction"]}}

RPC_FAULTS: list[Fault] = [
    LyingEndpoint("RPC of all: one of three lies", lie={}),
    LyingEndpoint("RPC of all: logs missing at one of three", missing_logs={}),
    *(
        BrokenEndpoints(f"RPC of one: {name}", when_due=due, **faults)
        for name, (due, faults) in _BROKEN.items()
    ),
    BrokenEndpoints("RPC of one: wrong chain", wrong_chain={}),
    BrokenEndpoints("RPC of one: stale head", stale_head={}),
    BrokenEverywhere("RPC of all: response lost after broadcast", when_due=True, **_LOST),
    *(
        BrokenButOne(f"RPC of all: {name}, two of three", when_due=due, **faults)
        for name, (due, faults) in _BROKEN.items()
    ),
]

"""Commands sent, delivered, executed and cancelled in any order: GovChild equals a model of it."""

from dataclasses import dataclass

import boa
import pytest
from gov_world import CANCELLED, DELAY, EXECUTED, HOUR, LIFE, QUEUED, UNKNOWN, Tunnel, connect, warp
from hypothesis import given
from hypothesis import strategies as st
from portal import Portal


@pytest.fixture(scope="module")
def tunnel_once() -> Tunnel:
    return connect(Portal())


@dataclass
class Waiting:
    """A command as the model has it; ``ready_at`` is None until it arrives."""

    expiry: int
    after: int
    status: int = UNKNOWN
    ready_at: int | None = None


class Model:
    """What the child's end should do, from its description alone."""

    def __init__(self) -> None:
        self.commands: list[Waiting] = []

    def sent(self, now: int, life: int, after: int) -> None:
        self.commands.append(Waiting(now + life, after))

    def deliver(self, nonce: int, now: int) -> bool:
        command = self.commands[nonce - 1]
        if command.status != UNKNOWN:
            return False
        command.status, command.ready_at = QUEUED, now + DELAY
        return True

    def execute(self, nonce: int, now: int) -> bool:
        command = self.commands[nonce - 1]
        earlier = self.commands[command.after - 1] if command.after else None
        if (
            command.status != QUEUED
            or command.ready_at is None
            or not command.ready_at <= now <= command.expiry
            or (earlier is not None and earlier.status != EXECUTED)
        ):
            return False
        command.status = EXECUTED
        return True

    def cancel(self, nonce: int) -> bool:
        command = self.commands[nonce - 1]
        if command.status != QUEUED:
            return False
        command.status = CANCELLED
        return True


steps = st.tuples(
    st.sampled_from(["send", "deliver", "execute", "execute", "cancel"]),
    st.integers(0, 4),
    st.sampled_from([0, 1, HOUR, DELAY - 1, DELAY, LIFE]),
)


@given(st.lists(steps, max_size=25))
def test_tunnel__any_order_of_calls__each_command_runs_at_most_once_in_time_and_order(
    tunnel_once: Tunnel, calls: list[tuple[str, int, int]]
) -> None:
    tunnel, model = tunnel_once, Model()
    with boa.env.anchor():
        for call, pick, wait in calls:
            warp(wait)
            now = boa.env.timestamp
            if call == "send" or not model.commands:
                after, life = min(pick, len(model.commands)), DELAY + (pick % 3) * LIFE
                number = 100 + len(model.commands) + 1
                tunnel.send(tunnel.set_number(number), life=life, after=after)
                model.sent(now, life, after)
                continue
            nonce = 1 + pick % len(model.commands)
            ran = {
                "deliver": lambda n=nonce: tunnel.deliver(n),
                "execute": lambda n=nonce: tunnel.execute(n, 100 + n),
                "cancel": lambda n=nonce: tunnel.child.cancel(n, sender=tunnel.canceller),
            }[call]
            expected = {
                "deliver": lambda n=nonce, t=now: model.deliver(n, t),
                "execute": lambda n=nonce, t=now: model.execute(n, t),
                "cancel": lambda n=nonce: model.cancel(n),
            }[call]()
            if expected:
                ran()
            else:
                with boa.reverts():
                    ran()
            if call == "execute" and expected:
                assert tunnel.target.number() == 100 + nonce
            assert [tunnel.status(n + 1) for n in range(len(model.commands))] == [
                command.status for command in model.commands
            ]

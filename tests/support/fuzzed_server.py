"""A server with history for generated requests: what they may name, and who sends them."""

import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server_operators import serving_operators, token
from server_stakes import relayer_config
from server_world import ServerWorld, Serving, server_world
from starlette.testclient import TestClient

from oracle.accounts.rates import DEFAULT_RATES
from oracle.accounts.sessions import Sessions

EIGHT = 8


@dataclass(frozen=True)
class FuzzedServer:
    """``client`` answers as the process would, 500 and all; ``token``: headers of an owner."""

    world: ServerWorld
    serving: Serving
    client: TestClient
    token: dict[str, str]

    def people(self) -> list[dict[str, str]]:
        """Nobody, and a model's owner with a token and with a session."""
        services, wallet = self.serving.services, self.world.owner(0)
        account = services.accounts.people.met(wallet.address, 1)
        session = Sessions(services.database).begin(account.id, int(time.time()))
        return [{}, self.token, {"Authorization": f"Bearer {session.secret}"}]

    def known(self, name: str, given: Any) -> Any:
        """What exists under this parameter's name, for most generated values: else all but a few
        requests would end at an unknown model."""
        if zlib.crc32(repr(given).encode()) % 4 == 0:
            return given
        models = self.serving.services.models.all(EIGHT)
        existing = {"tournament": EIGHT, "number": 1, "model_id": models[0].uuid}
        return existing.get(name, given)


@contextmanager
def fuzzed_server(root: Path) -> Iterator[FuzzedServer]:
    """Two rounds settled and one open, with operators that take files."""
    with server_world(root) as world, serving_operators(world, root) as operators:
        for name in ("alpha", "beta"):
            world.register(name)
        world.play({0: 3, 1: 1})
        world.announce(window=4_000)
        world.chain.finalize()
        home = root / "home"
        fields = operators.config(home) | relayer_config(world, home)
        rates = dict.fromkeys(DEFAULT_RATES, "1000000/minute")
        with world.serving("server.sqlite", home, **fields, rates=rates) as serving:
            serving.follow()
            # As a process answers: 500, where the client of tests would raise.
            transport: Any = serving.client._transport
            transport.raise_server_exceptions = False
            shown = token(serving, world.owner(0))
            yield FuzzedServer(world, serving, serving.client, shown)

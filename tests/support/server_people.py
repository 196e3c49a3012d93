"""Owners of models at a tournament server, and rounds that go on beside them."""

import hashlib

from server_operators import caller
from server_world import ServerWorld, Serving

from oracle.gateway.intaking import intake_of
from oracle.intake.intake import Intake
from oracle.intake.rows import Submission, UploadAuth

EIGHT = 8


class Person:
    """A model's owner at the server."""

    def __init__(self, world: ServerWorld, serving: Serving, model: int = 0) -> None:
        self.world, self.serving = world, serving
        self.wallet = world.owner(model)
        self.caller = caller(serving, self.wallet)
        self.number = world.reader.addresses.tournament
        [self.model] = serving.services.models.by_id(self.number, [model])

    @property
    def intake(self) -> Intake:
        return self.serving.services.part(intake_of)

    def put(self, raw: bytes, filename: str = "predictions.csv") -> UploadAuth:
        made = self.intake.authorize(self.caller, self.number, self.model, filename)
        answer = self.serving.client.put(made.url, content=raw)
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"sha256": hashlib.sha256(raw).hexdigest(), "size": len(raw)}
        return made

    def create(self, filename: str, **more: object) -> Submission:
        return self.intake.create(self.caller, self.number, self.model, filename, **more)

    def send(self, raw: bytes) -> Submission:
        return self.create(self.put(raw).filename)

    def history(self) -> list[Submission]:
        return self.intake.submissions(self.caller, [self.model])


def next_round(world: ServerWorld, serving: Serving) -> int:
    """A new round, open; those before are closed."""
    if last := world.reader.state()["last_announced"]:
        world.chain.advance_to(max(world.now, world.announced(last).closes))
    opened = world.announce().round
    world.chain.finalize()
    serving.follow()
    return opened


def close(world: ServerWorld, serving: Serving, number: int) -> None:
    world.close(number)
    serving.follow()

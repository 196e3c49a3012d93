"""Who has predictions examined by a tournament server, over its REST."""

import hashlib
from typing import Any

from server_operators import token
from server_world import ServerWorld, Serving

from oracle.gateway.examining import examiner_of, queue_of
from oracle.records.rows import ModelRow


class Owner:
    """Of a model, by default the first."""

    def __init__(self, world: ServerWorld, serving: Serving, model: int = 0) -> None:
        self.world, self.serving, self.wallet = world, serving, world.owner(model)
        self.headers = token(serving, self.wallet)
        [self.model] = serving.services.models.by_id(8, [model])

    @property
    def queue(self) -> Any:
        return self.serving.services.part(queue_of)

    @property
    def examiner(self) -> Any:
        return self.serving.services.part(examiner_of)

    def get(self, path: str, status: int = 200) -> Any:
        answer = self.serving.client.get("/v1" + path, headers=self.headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    def post(self, path: str, body: dict[str, Any], status: int = 201) -> Any:
        answer = self.serving.client.post("/v1" + path, json=body, headers=self.headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    def put(self, raw: bytes, filename: str = "past.csv", model: ModelRow | None = None) -> str:
        """The name of a file that was put where the server said."""
        wish = {"filename": filename, "purpose": "diagnostics"}
        made = self.post(f"/models/{(model or self.model).uuid}/uploads", wish)
        answer = self.serving.client.put(made["url"], content=raw)
        assert answer.json()["sha256"] == hashlib.sha256(raw).hexdigest(), answer.text
        return str(made["filename"])

    def send(self, raw: bytes, filename: str = "past.csv") -> str:
        """The id of a file that waits to be examined."""
        wish = {"filename": self.put(raw, filename)}
        made = self.post(f"/models/{self.model.uuid}/diagnostics", wish)
        assert (made["status"], made["message"]) == ("pending", "")
        return str(made["id"])

    def work(self) -> None:
        """The server's task, until nothing is left to do."""
        while self.queue.step():
            if self.queue.at_work is not None:
                self.queue.at_work.wait(600)

    def examined(self, raw: bytes, filename: str = "past.csv") -> Any:
        """What was found in a file."""
        upload = self.send(raw, filename)
        self.work()
        return self.get(f"/diagnostics/{upload}")

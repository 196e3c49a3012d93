"""While the tables do not show what is on the chain, nobody is told that they do."""

from pathlib import Path

import pytest
from server_history import EIGHT, history_world
from server_operators import token
from server_stakes import relayer_config
from server_world import ServerWorld, Serving

from oracle.errors import UnreachableError
from oracle.gateway.intaking import intake_of
from oracle.gateway.rest.stages import stages_of

__all__ = ["history_world"]
pytestmark = [pytest.mark.slow, pytest.mark.chain]

_READ = "is being read"


def _is_held_back(world: ServerWorld, serving: Serving, uuid: str) -> None:
    client = serving.client
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert "the tables of tournament 8 are being filled" in ready.json()["reasons"]
    headers = token(serving, world.owner(0))
    for path in (
        "/v1/tournaments/8/rounds",
        "/v1/tournaments/8/rounds/current",
        "/v1/tournaments/8/rounds/1",
        "/v1/tournaments/8/mandate-to-sign",
        "/v1/tournaments/8/submission-key",
        "/v1/account/models",
        f"/v1/models/{uuid}",
        f"/v1/models/{uuid}/submissions",
        f"/v1/models/{uuid}/stake",
    ):
        answer = client.get(path, headers=headers)
        assert answer.status_code == 503, (path, answer.text)
        assert _READ in answer.json()["error"]["message"]
    change = {"action": "increase", "amount": "1"}
    answer = client.post(f"/v1/models/{uuid}/changes", json=change, headers=headers)
    assert answer.status_code == 503, answer.text
    [shown] = [one for one in client.get("/v1/tournaments").json() if one["tournament"] == EIGHT]
    assert (shown["now"], shown["current_round"]) == (None, None)
    query = "{ rounds(tournament: 8, number: 0) { number } }"
    [error] = client.post("/", json={"query": query}).json()["errors"]
    assert _READ in error["message"]
    with pytest.raises(UnreachableError, match=_READ):
        serving.services.part(intake_of)._round(EIGHT)
    assert serving.services.part(stages_of).look() == 0


def test_server__before_its_first_look_and_while_filled_anew__not_ready_and_says_so(
    history_world: ServerWorld, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    config = relayer_config(history_world, tmp_path / "home")
    where = str(tmp_path / "server.sqlite")
    with history_world.serving(where, tmp_path / "home", **config) as serving:
        _is_held_back(history_world, serving, "0" * 8 + "-0000-0000-0000-" + "0" * 12)
        serving.follow()
        assert serving.client.get("/v1/tournaments/8/rounds/current").json()["number"] == 2
        [model] = serving.services.models.by_id(EIGHT, [0])
        ledger = serving.services.tournament(EIGHT).ledger
        before = serving.services.part(stages_of).look()
        assert before
        ledger._begin_anew("a test says so")
        for owned in (model.uuid, "0" * 8 + "-0000-0000-0000-" + "0" * 12):
            _is_held_back(history_world, serving, owned)
        serving.follow()
        assert not any("filled" in why for why in serving.client.get("/readyz").json()["reasons"])
        assert serving.services.part(stages_of).look() == 0
    with history_world.serving(where, tmp_path / "home", **config) as restarted:
        shown = restarted.client.get("/v1/tournaments/8/rounds/current").json()
        assert (shown["number"], shown["status"]) == (2, "OPEN")
        assert restarted.client.get("/readyz").status_code == 503

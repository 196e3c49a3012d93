"""The stakers at the tournament server: as their programs would talk to it, over HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

from oracle.demo.players import Player
from oracle.demo.scene import Scene
from oracle.demo.steps import Say
from oracle.errors import InputError
from oracle.participant.client import Client
from oracle.participant.files import upload
from oracle.participant.signing_in import new_token, sign_in
from oracle.participant.words import allow_submissions, give_mandate
from oracle.settlement.typed_data import Domain
from oracle.settlement.units import nmr

_ROUNDS = 100
_MANDATE_DAYS = 365
_SCOPES = ("upload_submission", "stake", "read_submission_info", "read_user_info")
CHANGE: Final = """
    mutation($value: String!, $type: String!, $tournamentNumber: Int!, $modelId: String) {
        v2ChangeStake(
            value: $value, type: $type, modelId: $modelId, tournamentNumber: $tournamentNumber
        ) {
            id
            status
        }
    }
"""


@dataclass
class Visitors:
    """``clients``: the stakers', by their place; ``models``: UUIDs by number."""

    scene: Scene
    clients: dict[int, Client] = field(default_factory=dict)
    models: dict[int, str] = field(default_factory=dict)

    @cached_property
    def anyone(self) -> Client:
        """Who did not sign in."""
        return Client(self.scene.options.topology.required_server().url)

    @property
    def tournament(self) -> int:
        return self.scene.options.topology.tournament.number

    def come(self, players: Sequence[Player], say: Say) -> None:
        """Each staker signs in, and says what its models will be called: the chain has only the
        names' hashes."""
        for staker in sorted({player.staker for player in players}):
            session = sign_in(self.anyone, self.scene.signer(staker))
            for player in players:
                if player.staker == staker:
                    session.post(f"/v1/tournaments/{self.tournament}/models", {"name": player.name})
            self.clients[staker] = session
            say(f"{len(self.clients)} of {self.scene.options.topology.stakers.count}")

    def allow(self, players: Sequence[Player], say: Say) -> None:
        """Each signs a key for submissions and a mandate, and makes a token: from now on the
        clients have that, as programs would."""
        for done, (staker, session) in enumerate(list(self.clients.items()), 1):
            self._allow(staker, session, [one for one in players if one.staker == staker])
            say(f"{done} of {len(self.clients)}")

    def _allow(self, staker: int, session: Client, own: Sequence[Player]) -> None:
        scene, number = self.scene, self.tournament
        where, owner = scene.reader.addresses, scene.signer(staker)
        for _ in scene.waiting("the models at the server"):
            shown = session.get("/v1/account/models")
            if len(shown) == len(own):
                break
        self.models |= {model["number"]: model["id"] for model in shown}
        domain = Domain(where.chain_id, where.pool)
        allow_submissions(session, number, domain, owner, _ROUNDS)
        models = tuple(sorted(player.model for player in own))
        most = sum(player.stake for player in own)
        now = scene.reader.newest().timestamp
        give_mandate(session, number, where, owner, models, most, _MANDATE_DAYS, now)
        self.clients[staker] = session.with_token(new_token(session, "demo", _SCOPES))

    def stake_by_mandate(self, players: Sequence[Player]) -> None:
        """Has the server's relayer deposit each player's stake; returns when it is on chain."""
        for player in players:
            self.change(player, player.stake, "increase")
        self.settled(players)

    def change(self, player: Player, units: int, kind: str) -> None:
        """Asks for a change of a stake, as numerapi does."""
        self.clients[player.staker].graphql(
            CHANGE,
            value=nmr(units),
            type=kind,
            modelId=self.models[player.model],
            tournamentNumber=self.tournament,
        )

    def settled(self, players: Sequence[Player]) -> None:
        """Returns when what was asked for these players is in a block."""
        open_ = list(players)
        for _ in self.scene.waiting("the changes of stakes"):
            open_ = [player for player in open_ if self._is_open(player)]
            if not open_:
                return

    def _is_open(self, player: Player) -> bool:
        path = f"/v1/models/{self.models[player.model]}/changes"
        changes = self.clients[player.staker].get(path)
        return any(change["status"] == "pending" for change in changes)

    def submit(self, players: Sequence[Player], say: Say) -> None:
        """Uploads each player's file; what the rules say against one is kept with the player."""
        taken = 0
        for player in players:
            try:
                self.send(player)
                taken += 1
            except InputError as error:
                player.refusal = error.message
            say(f"{taken} of {len(players)} taken")
        say(f"{taken} taken by the server and all operators, {len(players) - taken} refused")

    def send(self, player: Player) -> str:
        """The submission's id."""
        model = self.models[player.model]
        client = self.clients[player.staker]
        return upload(client, self.tournament, model, player.filename, player.raw)

    def await_round(self, number: int) -> None:
        """Returns when the server says that this round is open."""
        path = f"/v1/tournaments/{self.tournament}/rounds/current"
        for _ in self.scene.waiting(f"round {number} at the server"):
            shown = self.anyone.get(path)
            if shown and shown["number"] == number:
                return

    def await_time(self, time: int) -> None:
        """Returns when the server has seen a block of this time."""
        for _ in self.scene.waiting("the chain's time at the server"):
            if (self.chain()["followed"] or "") >= iso(time):
                return

    def chain(self) -> Any:
        return self.anyone.get(f"/v1/tournaments/{self.tournament}/chain")


def iso(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

"""The parts of the server that resolvers call, each made once a server."""

from collections.abc import Collection
from typing import Any

from eth_utils import is_address, to_checksum_address

from oracle.errors import InputError, RefusedError
from oracle.gateway.calling import webhooks_of
from oracle.gateway.examining import examiner_of
from oracle.gateway.intaking import datasets_of, intake_of, pickles_of
from oracle.gateway.services import Services
from oracle.gateway.staking import staking_of, v3_of
from oracle.gateway.standing import daily_scores_of, leaders_of, payouts_of
from oracle.intake.rows import Submission
from oracle.life.pipeline import Pipeline
from oracle.life.rows import Standing
from oracle.life.standings import Standings
from oracle.records.profiles import Profile, Profiles
from oracle.records.rows import ModelRow, Movement

_TRANSFERS = frozenset({"deposited", "claimed", "exited"})


class _Absent:
    """A part that this server does not have: whatever is asked of it is refused."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __getattr__(self, name: str) -> Any:
        raise RefusedError(f"this server does not answer for {self._what}")


class Doors:
    """Its methods block: call them in a thread."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.profiles = Profiles(services.database)
        self.intake = services.part(intake_of)
        self.pickles = services.part(pickles_of)
        self.datasets = services.part(datasets_of)
        self.scores = services.part(daily_scores_of)
        self.payouts = services.part(payouts_of)
        self.leaders = services.part(leaders_of)
        self.pipeline = Pipeline(services.database)
        self.webhooks = services.part(webhooks_of)
        self.examiner = services.part(examiner_of)
        self.staking = services.part(staking_of)
        self.v3 = services.part(v3_of)

    def submissions(self, tournament: int, models: Collection[int]) -> list[Submission]:
        """What was sent for models, the newest first."""
        return self.intake.history.of_models(tournament, models)

    def standings(self, tournament: int, model: int) -> list[Standing]:
        """A model's standing day by day, the newest first."""
        return Standings(self._services.database, tournament).of(model)

    def wallet(self, address: str) -> int:
        """NMR in a wallet, in U, rounded down; of every token that a tournament is staked in."""
        readers = [one.ledger.reader for one in self._services.tournaments.values()]
        tokens = {(r.addresses.chain_id, r.addresses.token): r for r in readers}
        return sum(reader.tokens_of(address) for reader in tokens.values())

    def transfers(self, address: str) -> list[Movement]:
        """Money between a wallet and the pools, the newest first."""
        found = self._services.stakes.movements(accounts=[address])
        return [row for row in found if row.kind in _TRANSFERS and self.serves(row.tournament)]

    def pool(self, tournament: int) -> str:
        return self._services.tournament(tournament).ledger.reader.addresses.pool

    def serves(self, tournament: int) -> bool:
        return tournament in self._services.tournaments

    def account(self, name: str) -> tuple[str, str]:
        """Name and address of the account with this username or address; a wallet that never
        signed in goes by its address. Raises ``InputError`` where there is none."""
        people = self._services.accounts.people
        if is_address(name):
            address = to_checksum_address(name)
            found = people.by_address(address)
            return (found.name if found else address), address
        found = people.by_username(name)
        if found is None:
            raise InputError(f"there is no account {name[:64]!r}", "give a username or an address")
        return found.name, found.address

    def profile(self, model: ModelRow) -> Profile:
        return self.profiles.of(model) or Profile(model.tournament, model.model)

"""Queries to the tournament server as clients send them."""

from dataclasses import dataclass
from typing import Any

from eth_account.signers.local import LocalAccount
from server_world import Serving
from starlette.testclient import TestClient
from wallets import token_of

from oracle.accounts.caller import Scope


@dataclass(frozen=True, slots=True)
class Asker:
    """Sends queries; ``header`` is what it shows of itself, None nothing."""

    client: TestClient
    header: str | None = None

    def send(self, query: str, **variables: Any) -> dict[str, Any]:
        """The whole answer, whose status is 200 whatever it says."""
        headers = {} if self.header is None else {"Authorization": self.header}
        body = {"query": query, "variables": variables}
        answer = self.client.post("/", json=body, headers=headers)
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        return found

    def ask(self, query: str, **variables: Any) -> Any:
        """The data; of a query for one thing, that thing."""
        found = self.send(query, **variables)
        assert "errors" not in found, found["errors"]
        data = found["data"]
        return next(iter(data.values())) if len(data) == 1 else data

    def refused(self, query: str, **variables: Any) -> str:
        """The message of the one error."""
        [error] = self.send(query, **variables)["errors"]
        return str(error["message"])


def asker(serving: Serving, wallet: LocalAccount | None = None, *scopes: Scope) -> Asker:
    """Someone with a token of these scopes, by default of all; without a wallet nobody."""
    if wallet is None:
        return Asker(serving.client)
    accounts = serving.services.accounts
    account = accounts.people.met(wallet.address, 1)
    return Asker(serving.client, token_of(accounts, account, *scopes))

"""web3's way to several endpoints."""

from typing import Any

from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from oracle.chain.endpoints import Endpoints


class EndpointsProvider(JSONBaseProvider):
    """Hands every request to ``endpoints``."""

    def __init__(self, endpoints: Endpoints) -> None:
        super().__init__()
        self.endpoints = endpoints

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        return self.endpoints.request(method, list(params))  # type: ignore[return-value]

    def make_batch_request(self, requests: list[tuple[RPCEndpoint, Any]]) -> list[RPCResponse]:
        """One after the other: agreement is by request."""
        return [self.make_request(method, params) for method, params in requests]

    def __str__(self) -> str:
        return f"RPC endpoints {self.endpoints.label}"

"""Polygon's blocks carry more in ``extraData`` than Ethereum's: a seal, and the validators."""

from typing import Any

import pytest
from faulty_rpc import FaultyRpc
from local_anvil import local_anvil

from oracle.chain.rpc import block, connect

pytestmark = pytest.mark.chain


class PolygonRpc(FaultyRpc):
    """Answers with the upstream's blocks, sealed as Bor seals them: 97 bytes and more."""

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        answer = super().answer(request)
        found = answer.get("result")
        if isinstance(found, dict) and "extraData" in found:
            found["extraData"] = "0x" + "5a" * 517
        return answer


def test_block__sealed_as_on_polygon__is_read() -> None:
    with local_anvil(chain_id=137) as chain, PolygonRpc(chain.url) as polygon:
        web3 = connect(polygon.url, 137)
        chain.mine(3)
        newest = block(web3, "latest")
        assert newest.number == 3
        assert newest.hash == chain.block(3)["hash"]
        assert web3.eth.get_block(2)["timestamp"] == int(chain.block(2)["timestamp"], 16)

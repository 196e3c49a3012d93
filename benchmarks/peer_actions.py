"""What peers charge for the same jobs, measured like this project's own actions.

Each peer gets the best case that it meets in use: balances, stakes and claim words are not zero
beforehand, and a settled batch is as large as the peer allows.
"""

import random
from dataclasses import dataclass
from typing import Any

import boa
from assay_system import ALL_WEI, ROOT, SUPPLY, compiled
from eth_abi import encode
from eth_utils import keccak
from gas_actions import STAKE_WEI, Actions
from metering import measure

from oracle.settlement.merkle import proof, tree
from oracle.settlement.units import WEI_PER_UNIT

MODELS = 10_000
BATCH = 256
LOCK = 28 * 86_400
PEERS = ROOT / "benchmarks" / "peers"


@dataclass(frozen=True, slots=True)
class Claim:
    """One model's payment as a leaf of the round's tree."""

    model: int
    account: str
    amount: int

    def leaf(self) -> bytes:
        content = encode(["uint256", "address", "uint256"], [self.model, self.account, self.amount])
        return keccak(keccak(content))


def merkle_claims() -> Actions:
    """The common distributor with 10,000 models: a root a round, a proof of depth 14 a payment."""
    with boa.swap_env(boa.Env()):
        token, peer = _deployed("MerkleClaims")
        token.transfer(peer, 10**24)
        draw = random.Random(1)
        claims = [
            Claim(model, boa.env.generate_address(), draw.randint(1, 10**18))
            for model in range(MODELS)
        ]
        nodes = tree(claim.leaf() for claim in claims)
        post = measure(peer, "post", 1, nodes[0])

        def claim(number: int) -> Any:
            chosen = claims[number]
            arguments = (chosen.model, chosen.account, chosen.amount)
            token.transfer(chosen.account, 1)
            return measure(peer, "claim", 1, *arguments, proof(nodes, chosen.leaf()))

        claim(0)
        return {"MerkleClaims: post a root": post, "MerkleClaims: claim of a model": claim(1)}


def per_model_payouts() -> Actions:
    """Mappings of stakes and results, written model by model in batches of 256."""
    with boa.swap_env(boa.Env()):
        token, peer = _deployed("PerModelPayouts")
        token.approve(peer, ALL_WEI)
        for model in range(BATCH):
            peer.register(model)
            if model:
                peer.deposit(model, STAKE_WEI)
        deposits = [measure(peer, "deposit", 0, STAKE_WEI) for _ in range(2)]
        draw = random.Random(1)
        changes = [draw.choice((-1, 1)) * draw.randint(10**16, 10**17) for _ in range(BATCH)]
        settled = measure(peer, "settle", 1, list(range(BATCH)), changes).per(BATCH)
        release = measure(peer, "request_release", 0, STAKE_WEI)
        boa.env.timestamp += LOCK
        withdrawal = measure(peer, "withdraw", 0)
    return {
        "PerModelPayouts: settle a model": settled,
        "PerModelPayouts: deposit, first of its model": deposits[0],
        "PerModelPayouts: deposit, again": deposits[1],
        "PerModelPayouts: request_release and withdraw": release + withdrawal,
    }


def _deployed(name: str) -> tuple[Any, Any]:
    """A token of the deployer's and the peer that pays in it."""
    token = compiled("contracts/devnet/ChildNmr.vy").deploy(SUPPLY * WEI_PER_UNIT)
    return token, compiled(f"benchmarks/peers/{name}.vy").deploy(token)

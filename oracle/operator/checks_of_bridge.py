"""Checks on taking burns to the root chain: the bridge's record, its vaults, gas money there."""

from collections.abc import Iterator

from oracle.bridge.record import load_bridge
from oracle.bridge.sweeping import Side, Vault
from oracle.chain import fees
from oracle.chain.rpc import connect, endpoints_of, readable
from oracle.operator.bridging import require_same_tournament
from oracle.operator.checks import Look, Said, SkippedError, ok, warn

_STEP_GAS = 600_000
"""An exit and a sweep of the root vault, rounded up: docs/contracts.md."""
_STEPS = 10
_COIN = 10**18


def burns(look: Look) -> Iterator[Said]:
    """What is only missing is no failure: rounds do not depend on it, and others can do it."""
    chosen, reader = look.config.bridge, look.chain
    if chosen is None:
        yield ok("no [bridge]: this operator sweeps the child chain's vault only")
        return
    record = load_bridge(chosen.record)
    require_same_tournament(chosen.record, record, reader.addresses)
    web3 = connect(chosen.urls, record.root.chain_id, 1, stale_seconds=chosen.stale_seconds)
    root = Side(web3, endpoints_of(web3).label)
    for chain, side in (("child", Side(reader.web3, reader.url)), ("root", root)):
        if not Vault(side, reader.addresses.burn_vault).is_there():
            yield warn(
                f"the burn vault is not on the {chain} chain yet",
                "anyone can deploy it: docs/deployment.md",
            )
    try:
        own = look.address
    except SkippedError:
        return
    with readable(root.url):
        holds = web3.eth.get_balance(own)  # type: ignore[arg-type]
        need = _STEPS * _STEP_GAS * fees.market(web3).max_fee
    text = f"{own} holds {holds / _COIN:.4g} on the root chain; {_STEPS} exits and sweeps cost at "
    text += f"most {need / _COIN:.4g}"
    yield ok(text) if holds >= need else warn(text, "send it more, or leave it to other operators")

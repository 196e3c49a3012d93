"""A topology of one chain with times of seconds, so that rounds come to their end."""

from decimal import Decimal

from oracle.devnet.profile import Clocks, Timing
from oracle.devnet.topology import Topology, Vault, load


def short_topology(
    timing: Timing, clocks: Clocks, *, base_port: int | None = None, vault_nmr: int = 100_000
) -> Topology:
    """The default topology without a bridge, with these times, on ports from ``base_port`` on."""
    declared = load().on_one_chain()
    tournament = declared.tournament.model_copy(
        update={"timing": timing, "clocks": clocks, "vault": Vault(nmr=Decimal(vault_nmr))}
    )
    tournament.check(len(declared.operators))
    short = declared.model_copy(update={"tournament": tournament})
    return short if base_port is None else short.moved(base_port)

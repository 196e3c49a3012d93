"""Tables of the tournament server; ``oracle.records.migrations`` brings any older one here.

A row says of which tournament it is by the tournament's number. Times are seconds since 1970, those
of rounds by the chain's blocks; hashes and signatures raw bytes; amounts in U; scores at 10^-9.
"""

from oracle.records.schema import chain, examining, life, people, staking, uploads
from oracle.records.schema.base import metadata

__all__ = ["chain", "examining", "life", "metadata", "people", "staking", "uploads"]
"""One metadata, and its tables by what they are about."""

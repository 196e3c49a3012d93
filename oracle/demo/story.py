"""What a person can choose for the demo, and all that happens in it."""

from dataclasses import dataclass, field
from pathlib import Path

from oracle.demo.crossing import Closing
from oracle.demo.players import Player
from oracle.devnet.topology import Topology
from oracle.settlement.reference import ReferencePool
from oracle.verification.verify import Step


@dataclass(frozen=True)
class Options:
    """``rounds``: how many are played, the first of them on the live rows."""

    folder: Path
    topology: Topology
    data: str = "market"
    seed: int = 1
    rounds: int = 1


@dataclass
class Story:
    """All that happened, for the report; ``before`` and ``after`` are of the first round."""

    players: list[Player] = field(default_factory=list)
    before: ReferencePool = field(default_factory=ReferencePool)
    after: ReferencePool = field(default_factory=ReferencePool)
    steps: list[Step] = field(default_factory=list)
    released: tuple[str, int] = ("", 0)
    returned: int = 0
    """Wei that stakers brought back to the root chain."""
    burned: int = 0
    """U, by all rounds."""
    compared: dict[str, int] = field(default_factory=dict)
    """How many values of each kind the server was found to tell as chain and files do."""
    closing: Closing = field(init=False)
    artefacts: Path = Path()

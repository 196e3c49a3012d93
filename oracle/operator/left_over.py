"""What was not disclosed or copied while its round had not ended yet, since nobody was there."""

from dataclasses import dataclass, field

from oracle.chain.rpc import Block
from oracle.operator.confirming import Confirming
from oracle.operator.context import Context
from oracle.operator.disclosing import Disclosing
from oracle.operator.folders import manifest_digest


@dataclass
class LeftOver:
    """Ended rounds are looked through when this process begins, and later those that have ended
    since. One is made up for at a time, the newest first: there may be many."""

    context: Context
    confirming: Confirming
    disclosing: Disclosing
    _rounds: list[int] = field(default_factory=list)
    _looked_before: int = 0

    def make_up(self, head: int, block: Block) -> bool:
        """Whether there is more of it; what fails is tried again after the others."""
        if self._looked_before < head:
            self._rounds += self.disclosing.left_over(self._looked_before, head)
            self._looked_before = head
        if not self._rounds:
            return False
        number = self._rounds.pop()
        try:
            self._disclose(number, block)
        except Exception:
            self._rounds.insert(0, number)
            raise
        return bool(self._rounds)

    def _disclose(self, number: int, block: Block) -> None:
        committed = self.context.reader.committed(number, block.number)
        if committed is not None:
            if manifest_digest(self.context.folder(number)) != committed.manifest:
                self.confirming.put_in_force(number, committed.manifest)
            self.disclosing.disclose(number, committed.manifest)

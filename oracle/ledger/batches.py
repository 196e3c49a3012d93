"""The score words of a settled batch, which its event does not hold."""

from collections.abc import Callable, Sequence

from hexbytes import HexBytes
from web3.exceptions import Web3Exception

from oracle.chain.reader import PoolReader
from oracle.chain.rpc import readable
from oracle.errors import UnreachableError
from oracle.ledger.decoding import Event
from oracle.settlement.batches import Batch, followers
from oracle.settlement.events import SettledBatch

Published = Callable[[int], Sequence[Batch] | None]
"""A round's batches from its committed folder, or None where it cannot be had."""


class SettledBatches:
    """From the calldata of the transaction; where another contract made the call, from the round's
    folder. What is taken must be what the pool took: the batch chain shows it when it is applied.
    """

    def __init__(self, reader: PoolReader, published: Published) -> None:
        self._reader, self._published = reader, published

    def of(self, event: Event) -> SettledBatch:
        """Raises ``UnreachableError`` where neither can be had; then it is tried again."""
        found = self._from_calldata(event) or self._from_folder(event)
        if found is None:
            raise UnreachableError(
                f"the batch of round {event.arguments['round']} that begins with word "
                f"{event.arguments['start']} cannot be had",
                "name more sources of artefacts",
            )
        return found

    def _from_calldata(self, event: Event) -> SettledBatch | None:
        pool = self._reader.pool
        with readable(self._reader.url):
            sent = self._reader.web3.eth.get_transaction(HexBytes(event.log.transaction_hash))
        if str(sent.get("to")).lower() != pool.address.lower():
            return None
        try:
            function, arguments = pool.decode_function_input(sent["input"])
        except (ValueError, Web3Exception):
            return None
        if function.fn_name != "settle":
            return None
        batch = Batch(arguments["start"], tuple(arguments["words"]))
        return SettledBatch(batch, arguments["next"])

    def _from_folder(self, event: Event) -> SettledBatch | None:
        batches = self._published(event.arguments["round"])
        if batches is None:
            return None
        for batch, following in zip(batches, followers(batches), strict=True):
            if (batch.start, len(batch.words)) == (
                event.arguments["start"],
                event.arguments["words"],
            ):
                return SettledBatch(batch, following)
        return None

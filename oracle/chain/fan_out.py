"""What became of a signed transaction that was sent to several endpoints."""

from collections.abc import Callable, Sequence

from eth_utils import keccak

from oracle.chain.answers import Answer

_KNOWN = ("already known", "already imported", "known transaction", "already exists")


def outcome(
    answers: Sequence[Answer], raw: str | bytes, lookup: Callable[[str, list[str]], Answer]
) -> Answer | None:
    """Success if one endpoint took the transaction ``raw``, has it or finds it; else an error.

    An endpoint may have passed it on and its answer been lost: the others then refuse it as known,
    or for its nonce. None where nobody answered.
    """
    taken = next((answer for answer in answers if "result" in answer), None)
    if taken is not None or not answers:
        return taken
    data = raw if isinstance(raw, bytes) else bytes.fromhex(raw.removeprefix("0x"))
    digest = "0x" + keccak(data).hex()
    known = any(_says_known(answer) for answer in answers)
    if known or lookup("eth_getTransactionByHash", [digest]).get("result"):
        return {"jsonrpc": "2.0", "id": 1, "result": digest}
    return answers[0]


def _says_known(answer: Answer) -> bool:
    message = str(answer["error"].get("message", "")).lower()
    return any(text in message for text in _KNOWN)

"""Signing in with a key (EIP-4361), and tokens for programs."""

from collections.abc import Sequence
from datetime import UTC, datetime

from eth_account.messages import encode_defunct
from eth_utils import keccak

from oracle.chain.signing import Signer
from oracle.participant.client import Client

_STATEMENT = "Sign in to the tournament."


def sign_in(client: Client, signer: Signer) -> Client:
    """The client with a session of the signer's account."""
    terms = client.get("/v1/sign-in")
    text = message(
        terms["domain"], signer.address, terms["uri"], terms["chain_ids"][0], terms["nonce"]
    )
    signable = encode_defunct(text=text)
    digest = keccak(b"\x19" + signable.version + signable.header + signable.body)
    signature = "0x" + signer.sign_digest(digest).hex()
    session = client.post("/v1/sign-in", {"message": text, "signature": signature})
    return client.allowed(f"Bearer {session['session']}")


def message(domain: str, address: str, uri: str, chain_id: int, nonce: str) -> str:
    """The text that is signed."""
    issued = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        f"{domain} wants you to sign in with your Ethereum account:\n{address}\n\n{_STATEMENT}\n\n"
        f"URI: {uri}\nVersion: 1\nChain ID: {chain_id}\nNonce: {nonce}\nIssued At: {issued}"
    )


def new_token(client: Client, name: str, scopes: Sequence[str]) -> str:
    """An API token as clients take it, ``PUBLIC_ID$SECRET``; ``client`` has a session."""
    made = client.post("/v1/tokens", {"name": name, "scopes": list(scopes)})
    return f"{made['public_id']}${made['secret']}"

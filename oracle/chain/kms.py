"""A key in AWS KMS, which signs there and never leaves it. Needs the extra ``aws`` (boto3).

The account needs ``kms:GetPublicKey`` and ``kms:Sign`` on this one key, and nothing else. Of the
signatures that KMS makes about half have a high s, and none says which of two public keys made it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from eth_keys.datatypes import PublicKey, Signature
from eth_keys.exceptions import BadSignature, ValidationError

from oracle.chain.signing import Signed, sign_fields
from oracle.errors import EnvironmentLacksError, InputError, RefusedError, UnreachableError

_CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
# SubjectPublicKeyInfo of an uncompressed point on secp256k1, up to the point's coordinates.
_POINT_PREFIX = bytes.fromhex("3056301006072a8648ce3d020106052b8104000a03420004")
_CREATE = "create it by: aws kms create-key --key-spec ECC_SECG_P256K1 --key-usage SIGN_VERIFY"
_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 5, 10, 4


class KmsSigner:
    """Signs with the KMS key ``key_id`` (an id, ARN or alias); credentials as boto3 finds them."""

    def __init__(self, key_id: str, region: str, endpoint_url: str | None = None) -> None:
        self._key_id = key_id
        self._client, self._errors = _client(region, endpoint_url)
        self._public_key = self._read_public_key()

    @property
    def address(self) -> str:
        return self._public_key.to_checksum_address()

    def sign_digest(self, digest: bytes) -> bytes:
        answer = self._ask(
            self._client.sign,
            Message=digest,
            MessageType="DIGEST",
            SigningAlgorithm="ECDSA_SHA_256",
        )
        r, s = _integers(answer["Signature"])
        s = min(s, _CURVE_ORDER - s)
        for parity in (0, 1):
            if self._made_by_us(r, s, parity, digest):
                return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + parity])
        raise UnreachableError(
            f"KMS key {self._key_id} gave a signature that is not of its public key",
            "see that the endpoint is AWS KMS and signs digests as they are",
        )

    def sign_transaction(self, fields: Mapping[str, Any]) -> Signed:
        return sign_fields(fields, self.sign_digest)

    def _made_by_us(self, r: int, s: int, parity: int, digest: bytes) -> bool:
        try:
            made_by = Signature(vrs=(parity, r, s)).recover_public_key_from_msg_hash(digest)
        except (BadSignature, ValidationError):
            return False
        return bool(made_by == self._public_key)

    def _read_public_key(self) -> PublicKey:
        answer = self._ask(self._client.get_public_key)
        encoded = bytes(answer["PublicKey"])
        if len(encoded) != len(_POINT_PREFIX) + 64 or not encoded.startswith(_POINT_PREFIX):
            raise InputError(f"KMS key {self._key_id} is not on the curve secp256k1", _CREATE)
        return PublicKey(encoded[len(_POINT_PREFIX) :])

    def _ask(self, request: Callable[..., Any], **parameters: object) -> Any:
        with self._errors(self._key_id):
            return request(KeyId=self._key_id, **parameters)


def _client(region: str, endpoint_url: str | None) -> tuple[Any, Callable[..., Any]]:
    """A client of KMS, and what turns its errors into this project's."""
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise EnvironmentLacksError(
            "a key in KMS needs the package boto3", "install it: pip install 'assay[aws]'"
        ) from None

    @contextmanager
    def errors(key_id: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "unknown"))
            raise RefusedError(
                f"KMS refuses to use key {key_id}: {code}",
                "see that the key exists in this region, is enabled, and that this account may "
                "kms:GetPublicKey and kms:Sign with it",
            ) from None
        except BotoCoreError as error:
            raise UnreachableError(
                f"KMS does not answer for key {key_id} ({type(error).__name__})",
                "check region, endpoint and credentials (as the AWS command line finds them)",
            ) from None

    settings = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
    )
    try:
        client = boto3.session.Session().client(
            "kms", region_name=region, endpoint_url=endpoint_url, config=settings
        )
    except (BotoCoreError, ValueError):
        raise InputError(
            f"KMS cannot be reached with region {region!r} and the endpoint_url given",
            "name a region such as eu-central-1, and leave endpoint_url out on AWS",
        ) from None
    return client, errors


def _integers(der: bytes) -> tuple[int, int]:
    """r and s of an ASN.1 ECDSA signature: a sequence of two short integers."""
    numbers, rest = [], _content(0x30, der)[0]
    for _ in range(2):
        number, rest = _content(0x02, rest)
        numbers.append(int.from_bytes(number, "big"))
    r, s = numbers
    return r, s


def _content(tag: int, der: bytes) -> tuple[bytes, bytes]:
    """What an element of ``tag`` holds, and what follows it; lengths below 128 only."""
    if len(der) < 2 or der[0] != tag or der[1] > 0x7F or len(der) < 2 + der[1]:
        raise UnreachableError("KMS answered with something that is no ECDSA signature")
    return der[2 : 2 + der[1]], der[2 + der[1] :]

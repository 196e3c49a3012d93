"""moto's HTTP server of KMS as a process of its own; ``python kms_server.py PORT`` is that process.

moto 5.2.5 signs SHA-256 of every message, even where a request says that the message is a digest;
the server here signs such a digest as it is, as AWS documents it (API Sign, MessageType).
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socket import create_server
from time import monotonic, sleep
from typing import Any

import boto3
import httpx

REGION = "eu-central-1"
NO_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
"""Credentials that boto3 takes and moto does not look at."""


@contextmanager
def kms_server() -> Iterator[str]:
    """Address of a fresh server."""
    with create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, __file__, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **NO_CREDENTIALS},
    )
    url, deadline = f"http://127.0.0.1:{port}", monotonic() + 60
    try:
        while not _answers(url):
            assert process.poll() is None, "the KMS server ended"
            assert monotonic() < deadline, "the KMS server does not answer"
            sleep(0.1)
        yield url
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/moto-api/data.json", timeout=5).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def client(url: str) -> Any:
    return boto3.client("kms", region_name=REGION, endpoint_url=url)


def new_key(url: str, spec: str = "ECC_SECG_P256K1", usage: str = "SIGN_VERIFY") -> str:
    """Id of a new key."""
    made = client(url).create_key(KeySpec=spec, KeyUsage=usage)
    return str(made["KeyMetadata"]["KeyId"])


def _sign_digests() -> None:
    """Gives moto's KMS the message type that it lacks."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    from moto.kms.responses import KmsResponse
    from moto.kms.utils import ECDSAPrivateKey

    asked = threading.local()
    respond, sign = KmsResponse.sign, ECDSAPrivateKey.sign

    def respond_with_type(self: Any) -> str:
        asked.type = self._get_param("MessageType")
        return respond(self)

    def sign_as_asked(self: Any, message: bytes, signing_algorithm: str) -> bytes:
        if asked.type != "DIGEST":
            return sign(self, message, signing_algorithm)
        return self.private_key.sign(message, ec.ECDSA(utils.Prehashed(hashes.SHA256())))

    KmsResponse.sign = respond_with_type
    ECDSAPrivateKey.sign = sign_as_asked


if __name__ == "__main__":
    from moto.server import main

    _sign_digests()
    main(["--host", "127.0.0.1", "--port", sys.argv[1]])

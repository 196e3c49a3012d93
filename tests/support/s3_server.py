"""moto's HTTP server of S3 on loopback, in a thread of the test's process."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

REGION = "eu-central-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
"""Environment that boto3 takes its credentials from; moto does not look at them."""


@contextmanager
def s3_server() -> Iterator[str]:
    """Address of a server without buckets."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def client(url: str) -> Any:
    return boto3.client("s3", endpoint_url=url, region_name=REGION)


def new_bucket(url: str, name: str) -> None:
    client(url).create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})

"""Addresses that people give for their webhooks: only public ones are called, and exactly those."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from webhook_receiver import receiving

from oracle.errors import InputError, UnreachableError
from oracle.life.sending import is_public, post, target_of

_PRIVATE = [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001:8080/",
    "http://localhost:8545/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[fe80::1]/",
    "http://[fd00::1]/",
    "http://[ff02::1]/",
    "http://0.0.0.0/",
    "http://10.1.2.3/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://100.64.0.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
]


@pytest.mark.parametrize("url", _PRIVATE)
def test_target__of_a_private_network_or_this_machine__not_called(url: str) -> None:
    with pytest.raises(InputError, match="private network"):
        target_of(url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://8.8.8.8/", "no address of the web"),
        ("http:///path", "no address of the web"),
        ("http://8.8.8.8:99999/", "no address of the web"),
        ("http://[::1", "no address of the web"),
        ("http://me:secret@8.8.8.8/", "names a user"),
        ("http://8.8.8.8:25/", "port 25 is not called"),
        ("https://8.8.8.8:22/", "port 22 is not called"),
    ],
)
def test_target__of_another_form_or_port__refused_without_saying_it_again(
    url: str, said: str
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        target_of(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "address", "path"),
    [
        ("https://8.8.8.8/a/b?c=d", "8.8.8.8", "/a/b?c=d"),
        ("http://8.8.4.4:8080?x", "8.8.4.4", "/?x"),
        ("https://[2001:4860:4860::8888]/", "2001:4860:4860::8888", "/"),
    ],
)
def test_target__public__its_address_and_path(url: str, address: str, path: str) -> None:
    found = target_of(url)
    assert (found.addresses, found.path) == ((address,), path)


def _names(monkeypatch: pytest.MonkeyPatch, answers: list[list[str]]) -> None:
    """``somebody.example`` is each of these in turn; addresses stay what they are."""
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *args: Any, **more: Any) -> Any:
        if host != "somebody.example":
            return real(host, port, *args, **more)
        found = answers.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_target__name_with_a_private_address_among_others__only_the_public_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _names(monkeypatch, [["127.0.0.1", "8.8.8.8", "10.0.0.1"], ["127.0.0.1"]])
    assert target_of("https://somebody.example/").addresses == ("8.8.8.8",)
    with pytest.raises(InputError, match="private"):
        target_of("https://somebody.example/")


def test_post__name_stands_for_another_address_by_now__goes_to_what_was_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with receiving() as receiver:
        port = int(receiver.url.rpartition(":")[2])
        _names(monkeypatch, [["127.0.0.1"]])  # a second question would find nothing
        target = target_of(f"http://somebody.example:{port}/hook", allow_private=True)
        assert post(target, b"{}", {"X-One": "1"}) == 200
        [(path, headers, body)] = receiver.calls
        assert (path, body, headers["X-One"]) == ("/hook", b"{}", "1")
        assert headers["Host"] == f"somebody.example:{port}"


def test_post__first_address_takes_no_connection__the_next_one_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with receiving() as receiver:
        port = int(receiver.url.rpartition(":")[2])
        _names(monkeypatch, [["127.0.0.2", "127.0.0.1"]])  # the receiver is on the second alone
        target = target_of(f"http://somebody.example:{port}/", allow_private=True)
        assert post(target, b"", {}) == 200


def test_post__redirected__not_followed() -> None:
    with receiving() as receiver:
        receiver.answers = [307]
        assert post(target_of(receiver.url, allow_private=True), b"", {}) == 307
        assert len(receiver.calls) == 1


def test_post__proxy_in_the_environment__not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with receiving() as receiver:
        assert post(target_of(receiver.url, allow_private=True), b"", {}) == 200


@contextmanager
def _dripping(greeting: bytes) -> Iterator[str]:
    """Sends the greeting, and then a byte now and then without an end."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            line, _ = listener.accept()
            with line:
                try:
                    line.sendall(greeting)
                    while not over.wait(0.05):
                        line.sendall(b"x")
                except OSError:
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            thread.join()


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 200 OK\r\nX-Long: "])
def test_post__answer_that_drips__given_up(greeting: bytes) -> None:
    with _dripping(greeting) as where:
        target = target_of(f"http://{where}/", allow_private=True)
        with pytest.raises(UnreachableError, match="in time"):
            post(target, b"", {}, seconds=0.4)


def test_post__handshake_that_drips__given_up() -> None:
    with _dripping(b"\x16\x03\x03\x40\x00") as where:
        target = target_of(f"https://{where}/", allow_private=True)
        with pytest.raises(UnreachableError, match=r"in time|TLS failed"):
            post(target, b"", {}, seconds=0.4)


def test_post__nobody_listens__said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    target = target_of(f"http://127.0.0.1:{port}/", allow_private=True)
    with pytest.raises(UnreachableError, match="did not answer: ConnectionRefusedError"):
        post(target, b"", {})


def test_target__unknown_name__unreachable() -> None:
    with pytest.raises(UnreachableError, match="cannot be found"):
        target_of("https://nobody.invalid/")


def _certificate(folder: Path) -> Path:
    """Of ``localhost``, signed by itself; key and certificate in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "localhost.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def test_post__tls__only_with_a_certificate_for_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = _certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with receiving(context) as receiver:
        target = target_of(f"{receiver.url}/hook", allow_private=True)
        with pytest.raises(UnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
            post(target, b"", {})
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        assert post(target, b"", {}) == 200
        other = target_of(receiver.url.replace("localhost", "127.0.0.1"), allow_private=True)
        with pytest.raises(UnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
            post(other, b"", {})
    assert len(receiver.calls) == 1


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "2002:808:808::"])
def test_is_public__public__yes(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))

"""One request to an address that somebody else chose.

Such an address may be meant to reach what only this machine can: so its name is resolved once,
what it stands for must be public, and the connection goes to exactly that. Redirects are not
followed, no proxy is asked, and of the answer only the status is kept.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from oracle.errors import InputError, UnreachableError

SECONDS: Final = 10.0
"""For the whole of a request, resolving aside."""

_WEB_PORTS = frozenset({80, 443})
_FIRST_FREE_PORT = 1024
_MOST_ADDRESSES = 3
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: ``addresses`` are what ``host`` was resolved to."""

    url: SplitResult
    host: str
    port: int
    addresses: tuple[str, ...]

    @property
    def path(self) -> str:
        query = f"?{self.url.query}" if self.url.query else ""
        return (self.url.path or "/") + query


def target_of(url: str, *, allow_private: bool = False) -> Target:
    """Where ``url`` leads. Raises ``InputError`` for one that is not called (its form, its port,
    an address that is not public), ``UnreachableError`` for a name that nobody knows."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise InputError("this is no address of the web", "write https://host/path") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InputError("this is no address of the web", "write https://host/path")
    if parts.username is not None or parts.password is not None:
        raise InputError("the address names a user", "leave out what is before the @")
    if port not in _WEB_PORTS and port < _FIRST_FREE_PORT:
        raise InputError(f"port {port} is not called", "80, 443, or 1024 and above")
    found = _resolved(parts.hostname, port)
    allowed = found if allow_private else [one for one in found if is_public(one)]
    if not allowed:
        raise InputError(
            "the address is one of a private network, or of this machine", "give a public one"
        )
    return Target(parts, parts.hostname, port, tuple(map(str, allowed[:_MOST_ADDRESSES])))


def _resolved(host: str, port: int) -> list[_Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UnreachableError("its host cannot be found") from None
    return [ipaddress.ip_address(one[4][0]) for one in found]


def is_public(address: _Address) -> bool:
    """Whether everybody's network leads there. An IPv6 address that carries one of IPv4 is as
    public as that is."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def post(
    target: Target, body: bytes, headers: Mapping[str, str], *, seconds: float = SECONDS
) -> int:
    """The status that was answered. Raises ``UnreachableError`` where none was, in time."""
    kind = _Secure if target.url.scheme == "https" else _Plain
    connection = kind(target, seconds)
    overdue = threading.Timer(seconds, connection.cut)
    overdue.daemon = True
    overdue.start()
    try:
        connection.request("POST", target.path, body, dict(headers))
        status = connection.getresponse().status
        if connection.is_over:  # in the middle of its headers
            raise TimeoutError
        return status
    except (OSError, http.client.HTTPException) as error:
        raise UnreachableError(_why(error, connection.is_over)) from None
    finally:
        overdue.cancel()
        connection.close()


def _why(error: Exception, is_over: bool) -> str:
    if is_over or isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or type(error).__name__}"
    return f"it did not answer: {type(error).__name__}"


class _Plain(http.client.HTTPConnection):
    """To the target's addresses, whatever its host is resolved to by now; ``cut`` ends it at any
    point."""

    def __init__(self, target: Target, seconds: float) -> None:
        super().__init__(target.host, target.port, timeout=seconds)
        self._target, self.is_over = target, False
        if target.port == (443 if target.url.scheme == "https" else 80):
            self.default_port = target.port  # no port in the header Host

    def connect(self) -> None:
        """Raises ``OSError`` of the last address where none takes the connection."""
        assert self.timeout is not None
        each = self.timeout / len(self._target.addresses)
        *others, last = self._target.addresses
        for address in others:
            with suppress(OSError):
                self._use(socket.create_connection((address, self.port), each))
                return
        self._use(socket.create_connection((last, self.port), each))

    def _use(self, line: socket.socket) -> None:
        line.settimeout(self.timeout)
        self.sock = line
        if self.is_over:
            raise TimeoutError

    def cut(self) -> None:
        """Whoever reads from it gets its end; that of TLS is not asked, it would wait as well."""
        self.is_over = True
        if self.sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


class _Secure(_Plain):
    """The same under TLS, with a certificate for the host's name."""

    def connect(self) -> None:
        super().connect()
        context = ssl.create_default_context()
        # The handshake comes after the assignment, so that it can be cut off too.
        secure = context.wrap_socket(
            self.sock, server_hostname=self._target.host, do_handshake_on_connect=False
        )
        self._use(secure)
        secure.do_handshake()

"""Files that are broken, in the ways that people and attackers break them."""

import gzip
import hashlib
import io
import socket
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
from fault_net import Member
from fault_rounds import Fault, FaultWorld
from round_players import File, RoundFiles

from oracle.chain.signing import sign
from oracle.settlement.typed_data import Submission
from oracle.settlement.wire import ReceiptMessage, payload
from oracle.store.sealing import seal

_BOMB = 200 * 2**20
"""Bytes that a bomb has once it is unpacked; packed it has some hundred thousand."""


def _truncated(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


def _nan(raw: bytes) -> bytes:
    first, second, *rest = raw.split(b"\n")
    return b"\n".join([first, second.partition(b",")[0] + b",NaN", *rest])


def _same_id_twice(raw: bytes) -> bytes:
    lines = raw.split(b"\n")
    return b"\n".join([*lines[:-2], lines[1], b""])


def _gzip_bomb(raw: bytes) -> bytes:
    return gzip.compress(raw + bytes(_BOMB), compresslevel=6, mtime=0)


def _zip_bomb(raw: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("predictions.csv", raw + bytes(_BOMB))
    return packed.getvalue()


_BROKEN: Mapping[str, tuple[Callable[[bytes], bytes], str]] = {
    "truncated": (_truncated, "live ids are missing"),
    "NaN": (_nan, "NaN"),
    "an id twice": (_same_id_twice, "each id may stand once"),
    "gzip bomb": (_gzip_bomb, "compressed files are not accepted"),
    "zip bomb": (_zip_bomb, "compressed files are not accepted"),
    "garbage": (lambda _: b"\xff\xfe" * 99, "UTF-8"),
}
"""What is done to a good file, and words of the reason that it is refused for."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    text: str

    @classmethod
    def of(cls, answer: httpx.Response) -> "_Answer":
        return cls(answer.status_code, answer.text)

    def is_refusal(self, words: str) -> bool:
        return 400 <= self.status < 500 and words in self.text


class BadFiles(Fault):
    """Every operator gets every kind of broken file while the round is open; besides, a file with
    a byte order mark and CRLF line ends, and one file twice, which are taken."""

    name = "files truncated, NaN, twice, BOM, bombs, hash"
    open_seconds = 120

    def opened(self, world: FaultWorld, number: int) -> None:
        self.world, self.number, self.wrong = world, number, list[str]()
        self.refused = 0
        self.sequence = int(time.time() * 1000)
        good = RoundFiles.of(number).predictions((number, 7), 3)
        for member in world.net.members:
            for name, (broken, words) in _BROKEN.items():
                self._refuse(name, member, words, self._send(member, broken(good)))
            self._refuse("other hash", member, "not signed by the owner", self._lie(member, good))
            self._refuse("cut ciphertext", member, "cannot be opened", self._cut(member, good))
            self._refuse("packed on the way", member, "not encrypted", self._packed(member, good))
            self._break_off(member, good)
        self._take_once(good)
        self._take_with_mark(b"\xef\xbb\xbf" + good.replace(b"\n", b"\r\n"))

    def _refuse(self, name: str, member: Member, words: str, answer: _Answer) -> None:
        if answer.is_refusal(words):
            self.refused += 1
        else:
            self.wrong.append(f"{member.name}, {name}: {answer.status} {answer.text[:80]}")

    # ------------------------------------------------------------------ sending

    def _key(self, raw: bytes) -> Submission:
        self.sequence += 1
        model = self.world.players[0].models[0]
        return Submission(self.number, model, hashlib.sha256(raw).digest(), self.sequence)

    def _sealed(self, member: Member, raw: bytes) -> bytes:
        card = httpx.get(f"{member.url}/card", timeout=10).json()
        return seal(payload(raw, ""), [card["recipient"]])

    def _signature(self, key: Submission) -> bytes:
        return sign(self.world.players[0].signer, key, self.world.domain)

    def _query(self, key: Submission) -> dict[str, str]:
        return {
            "round": str(key.round),
            "model": str(key.model),
            "sequence": str(key.sequence),
            "signature": "0x" + self._signature(key).hex(),
        }

    def _post(
        self, member: Member, key: Submission, body: bytes, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        return httpx.post(
            f"{member.url}/submissions",
            params=self._query(key),
            content=body,
            headers=dict(headers or {}),
            timeout=30,
        )

    def _send(self, member: Member, raw: bytes) -> _Answer:
        return _Answer.of(self._post(member, self._key(raw), self._sealed(member, raw)))

    def _lie(self, member: Member, raw: bytes) -> _Answer:
        """Another file than the one that was signed."""
        return _Answer.of(self._post(member, self._key(raw + b"\n"), self._sealed(member, raw)))

    def _cut(self, member: Member, raw: bytes) -> _Answer:
        return _Answer.of(self._post(member, self._key(raw), self._sealed(member, raw)[:-20]))

    def _packed(self, member: Member, raw: bytes) -> _Answer:
        """A bomb that HTTP would unpack."""
        bomb = gzip.compress(self._sealed(member, raw) + bytes(_BOMB), compresslevel=1)
        headers = {"Content-Encoding": "gzip"}
        return _Answer.of(self._post(member, self._key(raw), bomb, headers))

    def _break_off(self, member: Member, raw: bytes) -> None:
        """Half a request, and the connection closed."""
        key, body = self._key(raw), self._sealed(member, raw)
        query = httpx.QueryParams(self._query(key))
        host = urlsplit(member.url)
        head = f"POST /submissions?{query} HTTP/1.1\r\nHost: {host.netloc}\r\n"
        head += f"Content-Length: {len(body)}\r\n\r\n"
        with socket.create_connection((str(host.hostname), host.port or 80), 10) as connection:
            connection.sendall(head.encode() + body[: len(body) // 2])

    # ------------------------------------------------------------------ what is taken

    def _take_once(self, raw: bytes) -> None:
        """The same file twice at every operator: one submission, one receipt."""
        key = self._key(raw)
        for member in self.world.net.members:
            first, second = (self._receipt(member, key, raw) for _ in range(2))
            if first != second:
                self.wrong.append(f"{member.name}: two receipts for one file")

    def _take_with_mark(self, raw: bytes) -> None:
        key = self._key(raw)
        for member in self.world.net.members:
            self._receipt(member, key, raw)

    def _receipt(self, member: Member, key: Submission, raw: bytes) -> ReceiptMessage | None:
        answer = self._post(member, key, self._sealed(member, raw))
        if answer.status_code != httpx.codes.CREATED:
            self.wrong.append(f"{member.name} refused a good file: {answer.text[:80]}")
            return None
        receipt = ReceiptMessage.model_validate_json(answer.content)
        file = File(key, raw, self._signature(key), is_valid=True)
        self.world.audit.receipt(file, receipt.operator, receipt.received)
        return receipt

    def seen(self, world: FaultWorld, number: int) -> str:
        assert not self.wrong, "; ".join(self.wrong[:3])
        return f"{self.refused} refused with the reason, good ones taken"


SUBMISSION_FAULTS: list[Fault] = [BadFiles()]

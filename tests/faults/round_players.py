"""The people of the round machine: owners of models, who stake and submit at random."""

import hashlib
import random
import time
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import numpy as np
from eth_account.signers.local import LocalAccount
from eth_utils import keccak
from other_tournaments import CLASSIC, ProviderFiles

from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.chain.sender import Sender
from oracle.chain.signing import LocalSigner, sign
from oracle.errors import RefusedError
from oracle.scoring.limits import SCALE
from oracle.settlement.typed_data import Domain, Submission
from oracle.settlement.units import COMPOUND, TAKE_PROFIT, UNITS_PER_NMR
from oracle.settlement.wire import payload
from oracle.store.sealing import seal

ROWS = 40
ROWS_WITH_GAPS = 170
"""Where submissions may leave ids out, but for 100; half a file is too little then."""
NO_LIMIT = 2**32 - 1


@dataclass(frozen=True, slots=True)
class File:
    """A submission as its owner sends it; ``is_valid`` says whether an operator may take it."""

    key: Submission
    raw: bytes
    signature: bytes
    is_valid: bool

    def query(self) -> dict[str, str]:
        """What is sent beside the file."""
        return {
            "round": str(self.key.round),
            "model": str(self.key.model),
            "sequence": str(self.key.sequence),
            "signature": "0x" + self.signature.hex(),
        }

    def sealed_to(self, url: str) -> bytes:
        """The file, encrypted to the operator at ``url``."""
        card = httpx.get(f"{url}/card", timeout=10).json()
        return seal(payload(self.raw, ""), [card["recipient"]])


class RoundFiles(ProviderFiles):
    """What the data provider publishes for a round."""

    @classmethod
    def of(cls, number: int, tournament: int = CLASSIC) -> "RoundFiles":
        rows = ROWS if tournament == CLASSIC else ROWS_WITH_GAPS
        chosen = np.random.default_rng(number).choice(
            [0, 1, 2, 3, 4], rows, p=[0.1, 0.2, 0.4, 0.2, 0.1]
        )
        ids = tuple(f"n{number:07d}{i:08x}" for i in range(rows))
        return cls(tournament, ids, chosen * (SCALE // 4))

    def predictions(self, seed: tuple[int, ...], skill: int) -> bytes:
        """A file whose values are nine parts of noise and ``skill`` of the target; below 0, of its
        opposite."""
        noise = np.random.default_rng(seed).integers(0, SCALE, len(self.ids))
        known = self.target if skill >= 0 else SCALE - self.target
        values = (noise * 9 + known * abs(skill)) // (9 + abs(skill))
        return self.file(values, sum(seed))


@dataclass
class Player:
    """One owner of models."""

    account: LocalAccount
    reader: PoolReader
    dice: random.Random
    models: list[int] = field(default_factory=list)

    @property
    def signer(self) -> LocalSigner:
        return LocalSigner(self.account)

    @property
    def writer(self) -> PoolWriter:
        return PoolWriter(self.reader, Sender(self.reader.web3, self.reader.url, self.signer))

    def register(self, name: str) -> int:
        writer = self.writer
        reserved = writer.reserve(keccak(text=name))
        while self.reader.newest().timestamp < reserved.usable_at:
            self.reader.web3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]
        model = writer.register(reserved, self.account.address)
        self.models.append(model)
        return model

    def act(self) -> str:
        """One random request for one of its models; what the contract refuses is no matter."""
        model = self.dice.choice(self.models)
        amount = self.dice.randrange(UNITS_PER_NMR // 2, 40 * UNITS_PER_NMR)
        acts: dict[str, tuple[Any, ...]] = {
            "deposit": (model, amount, NO_LIMIT),
            "request_release": (model, self.dice.choice([amount, None]), NO_LIMIT),
            "set_mode": (model, self.dice.choice([COMPOUND, TAKE_PROFIT]), NO_LIMIT),
            "claim": (model,),
        }
        name = self.dice.choices(list(acts), weights=[6, 2, 1, 1])[0]
        try:
            getattr(self.writer, name)(*acts[name])
        except RefusedError:
            return f"{name} refused"
        return name

    def file(
        self, number: int, data: RoundFiles, model: int, sequence: int, domain: Domain
    ) -> File:
        """A submission for one of its models: most are good, some are broken."""
        raw = data.predictions((number, model, sequence), self.dice.randrange(5))
        is_valid = self.dice.random() > 0.1
        if not is_valid:
            raw = self.dice.choice(
                [raw[: len(raw) // 2], raw.replace(b"0.", b"nan", 3), b"\xff" * 9]
            )
        made = self.signed_file(number, model, raw, domain, sequence)
        return replace(made, is_valid=is_valid)

    def signed_file(
        self, number: int, model: int, raw: bytes, domain: Domain, sequence: int | None = None
    ) -> File:
        """A submission of ``raw``, by default newer than all before."""
        at = time.time_ns() // 1_000_000 if sequence is None else sequence
        key = Submission(number, model, hashlib.sha256(raw).digest(), at)
        return File(key, raw, sign(self.signer, key, domain), is_valid=True)

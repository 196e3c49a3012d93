"""Routes of evidence: what a result rests on, for whoever wants to check it."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel

from oracle.errors import InputError, RefusedError
from oracle.gateway.forms import amount
from oracle.gateway.rest.common import (
    ERRORS,
    ModelId,
    RoundNumber,
    TournamentNumber,
    asked,
    hexed,
    model_of,
    round_of,
)
from oracle.gateway.services import Outside, Services
from oracle.gateway.staking import evidence_of, meta_models_of
from oracle.ledger.folders import FILES
from oracle.records.rows import RoundRow
from oracle.staking.evidence import SettlementEvidence
from oracle.store.artefacts import ArtefactError, RoundFolder

_MANIFEST = "manifest.json"


class EarlierShown(BaseModel):
    start: int
    words_hash: str


class PathShown(BaseModel):
    """From a batch to the committed ``chain_head``: link = keccak256(following | start |
    keccak256(abi.encode(words))), then the same with each of ``earlier``, its words' hash being
    given. Formats: docs/formats.md, section 4."""

    start: int
    words: list[str]
    following: str
    earlier: list[EarlierShown]


class CoefficientsShown(BaseModel):
    """``c`` at 10^-6, ``up`` and ``down`` at 10^-12, ``hk`` at 2^-16 a level, ``scale`` at
    2^-40."""

    c: list[int]
    up: int
    down: int
    hk: int
    scale: int


class CommitShown(BaseModel):
    """What the operators signed, as the chain has it; ``at_risk`` in units of 10^-9 NMR."""

    pool: str
    tournament: int
    round: int
    epoch: int | None
    announce_hash: str | None
    close_block_hash: str | None
    chain_head: str | None
    at_risk: int | None
    words: int | None
    manifest: str | None
    meta_root: str | None


class EvidenceShown(BaseModel):
    """A model's score word and what follows from it. ``scores`` at 10^-6, in the order of the
    round's kinds. ``stake`` and ``payout`` in NMR, null where the round settled nothing of it."""

    round: int
    model: int
    word_index: int
    position: int
    word: str
    scores: list[int]
    level: int
    path: PathShown | None
    commit: CommitShown
    coefficients: CoefficientsShown | None
    stake: str | None
    payout: str | None
    taken: str | None


class MetaShown(BaseModel):
    """``value`` at 10^-9. The leaf is keccak256(keccak256(abi.encode(round, keccak256(id),
    value))); each of ``proof`` is hashed with what there is, the smaller first, and the last is
    ``root``."""

    round: int
    id: str
    value: int
    leaf: str
    proof: list[str]
    root: str


class FileShown(BaseModel):
    """A file that the manifest lists; ``url`` is null for those that only operators show."""

    path: str
    size: int
    sha256: str
    url: str | None


class ArtefactsShown(BaseModel):
    """``manifest``: the digest that the chain has."""

    round: int
    manifest: str
    files: list[FileShown]


def router(services: Services) -> APIRouter:
    """Routes below ``/v1``."""
    routes = APIRouter(prefix="/v1", tags=["evidence"], responses=ERRORS)
    ask = partial(services.outside, Outside.ASKING)

    @routes.get("/models/{model_id}/rounds/{number}/evidence")
    async def evidence(request: Request, model_id: ModelId, number: RoundNumber) -> EvidenceShown:
        """Why a model's stake changed as it did in a round, down to the operators' commit. It was
        tried before it is shown: the hashes lead there, and the payout follows."""
        await asked(services, request)
        row = await model_of(services, model_id)
        made = services.part(evidence_of)[row.tournament]
        found = await ask(made.of, number, row.model)
        pool = services.tournament(row.tournament).ledger.reader.addresses.pool
        return _shown(found, pool)

    @routes.get("/tournaments/{tournament}/rounds/{number}/meta-model/{row_id}")
    async def meta_model(
        request: Request,
        tournament: TournamentNumber,
        number: RoundNumber,
        row_id: Annotated[str, Path(max_length=64)],
    ) -> MetaShown:
        """One row of the meta model, with the hashes that lead to the root in the commit."""
        await asked(services, request)
        row = await round_of(services, tournament, number)
        found = await ask(services.part(meta_models_of)[tournament].row, row, row_id)
        return MetaShown(
            round=number,
            id=found.id,
            value=found.value,
            leaf="0x" + found.leaf.hex(),
            proof=["0x" + one.hex() for one in found.path],
            root="0x" + found.root.hex(),
        )

    @routes.get("/tournaments/{tournament}/rounds/{number}/artefacts")
    async def artefacts(
        request: Request, tournament: TournamentNumber, number: RoundNumber
    ) -> ArtefactsShown:
        """Files of a committed result: those without predictions and targets can be had here."""
        await asked(services, request)
        row = await round_of(services, tournament, number)
        return await ask(_artefacts, services, row)

    @routes.get(
        "/tournaments/{tournament}/rounds/{number}/artefacts/{path:path}",
        response_class=FileResponse,
    )
    async def artefact(
        request: Request, tournament: TournamentNumber, number: RoundNumber, path: str
    ) -> FileResponse:
        """One file, byte for byte as it was committed; Range works."""
        await asked(services, request)
        row = await round_of(services, tournament, number)
        if path not in (_MANIFEST, *FILES):
            raise InputError(f"{path[:100]!a} is no file of a result that is shown here")
        folder = await ask(_folder, services, row)
        return FileResponse(folder.path / path, media_type="application/octet-stream")

    return routes


def _folder(services: Services, row: RoundRow) -> RoundFolder:
    """The committed folder, its files checked. Raises ``RefusedError`` before there is one."""
    if row.manifest is None:
        raise RefusedError(f"round {row.number} has no committed result")
    ledger = services.tournament(row.tournament).ledger
    return ledger.folders.bring(row.number, row.manifest)


def _artefacts(services: Services, row: RoundRow) -> ArtefactsShown:
    folder = _folder(services, row)
    try:
        manifest = folder.manifest()
    except ArtefactError as error:
        raise RefusedError(f"round {row.number}: {error}") from None
    base = f"{services.config.url}/v1/tournaments/{row.tournament}/rounds/{row.number}/artefacts/"
    files = [
        FileShown(
            path=file.path,
            size=file.size,
            sha256=file.sha256,
            url=base + file.path if file.path in FILES else None,
        )
        for file in manifest.files
    ]
    return ArtefactsShown(round=row.number, manifest=hexed(row.manifest) or "", files=files)


def _shown(found: SettlementEvidence, pool: str) -> EvidenceShown:
    settled, row, lane = found.settled, found.round, found.settled.lane
    path, coefficients, settlement = settled.path, row.coefficients, found.settlement
    return EvidenceShown(
        round=row.number,
        model=settled.model,
        word_index=settled.index,
        position=settled.position,
        word=f"0x{settled.word:064x}",
        scores=list(lane.scores),
        level=lane.level,
        path=None
        if path is None
        else PathShown(
            start=path.batch.start,
            words=[f"0x{word:064x}" for word in path.batch.words],
            following="0x" + path.following.hex(),
            earlier=[
                EarlierShown(start=e.start, words_hash="0x" + e.words_hash.hex())
                for e in path.earlier
            ],
        ),
        commit=CommitShown(
            pool=pool,
            tournament=row.tournament,
            round=row.number,
            epoch=row.epoch,
            announce_hash=hexed(row.announce_hash),
            close_block_hash=hexed(row.close_block_hash),
            chain_head=hexed(row.chain_head),
            at_risk=row.at_risk,
            words=row.words,
            manifest=hexed(row.manifest),
            meta_root=hexed(row.meta_root),
        ),
        coefficients=None
        if coefficients is None
        else CoefficientsShown(
            c=list(coefficients.c),
            up=coefficients.up,
            down=coefficients.down,
            hk=coefficients.hk,
            scale=coefficients.scale,
        ),
        stake=amount(settlement.stake if settlement else None),
        payout=amount(settlement.change if settlement else None),
        taken=amount(settlement.taken if settlement else None),
    )

"""Votes on results, this operator's own and others', and the drafts that it voted for.

A vote is kept before anyone is shown it, and the draft before the vote. So a crash repeats a vote
or leaves none, and what enough operators voted for is never lost to all of them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, delete, select

from oracle.settlement.typed_data import Vote
from oracle.store.database import Database
from oracle.store.journal import JournalError
from oracle.store.schema import draft_targets, drafts, heard, votes


class Ballots:
    """Votes and drafts of rounds that have not ended."""

    def __init__(self, database: Database) -> None:
        self.database = database

    # ------------------------------------------------------------------ votes

    def cast(self, vote: Vote, signature: bytes) -> None:
        """Keeps a vote; it may be shown from then on. Raises on another one in its step."""
        row = _row(vote, signature)
        columns = votes.c
        same = [columns[name] == row[name] for name in ("round", "challenge", "view", "step")]

        def work(connection: Connection) -> bytes:
            new = self.database.insert(votes).values(row).on_conflict_do_nothing()
            connection.execute(new)
            return connection.execute(select(columns.value).where(*same)).scalar_one()

        kept = self.database.run(work)
        if kept != vote.value:
            raise JournalError(
                f"round {vote.round}: this operator has voted for 0x{kept.hex()} in view "
                f"{vote.view} already",
                "see that no other process runs with its key",
            )

    def own(self, round_number: int, challenge: bytes) -> list[tuple[Vote, bytes]]:
        """Every vote kept on one matter with its signature, in the order of views and steps."""
        columns = votes.c
        query = (
            select(votes)
            .where(columns.round == round_number, columns.challenge == challenge)
            .order_by(columns.view, columns.step)
        )
        rows = self.database.read(lambda c: c.execute(query).all())
        return [(_vote(row), row.signature) for row in rows]

    def hear(self, counted: Iterable[tuple[str, Vote, bytes]]) -> None:
        """Keeps others' votes: with those of one that shows them once, operators may have decided,
        and after a restart nobody else could show why."""
        rows = [
            _row(vote, signature) | {"operator": operator} for operator, vote, signature in counted
        ]
        new = self.database.insert(heard).on_conflict_do_nothing()
        if rows:
            self.database.run(lambda connection: connection.execute(new, rows).close())

    def heard(self, round_number: int, challenge: bytes) -> list[tuple[str, Vote, bytes]]:
        """Others' votes kept on one matter."""
        columns = heard.c
        query = select(heard).where(columns.round == round_number, columns.challenge == challenge)
        rows = self.database.read(lambda c: c.execute(query.order_by(*heard.primary_key)).all())
        return [(row.operator, _vote(row), row.signature) for row in rows]

    # ------------------------------------------------------------------ drafts

    def keep_draft(
        self, round_number: int, digest: bytes, pages: Iterable[bytes], targets: bytes
    ) -> None:
        """Keeps all pages of a draft with the targets it was evaluated by, sealed, or nothing."""
        rows = [
            {"round": round_number, "digest": digest, "page": number, "content": content}
            for number, content in enumerate(pages)
        ]

        sealed = {"round": round_number, "digest": digest, "sealed": targets}
        # Given beside the statement: a statement is remembered with the values in it.
        page = self.database.insert(drafts).on_conflict_do_nothing()
        beside = self.database.insert(draft_targets).on_conflict_do_nothing()

        def work(connection: Connection) -> None:
            connection.execute(page, rows)
            connection.execute(beside, sealed)

        self.database.run(work)

    def targets(self, round_number: int, digest: bytes) -> bytes | None:
        """The sealed targets of a draft that is kept."""
        columns = draft_targets.c
        query = select(columns.sealed).where(
            columns.round == round_number, columns.digest == digest
        )
        return self.database.read(lambda c: c.execute(query).scalar_one_or_none())

    def page(self, round_number: int, digest: bytes, page: int) -> bytes | None:
        """One page of a draft; None for one that there is not."""
        columns = drafts.c
        query = select(columns.content).where(
            columns.round == round_number, columns.digest == digest, columns.page == page
        )
        return self.database.read(lambda c: c.execute(query).scalar_one_or_none())

    def pages(self, round_number: int, digest: bytes) -> Iterator[bytes]:
        """Every page of a draft in order; none of one that is not kept."""
        number = 0
        while (content := self.page(round_number, digest, number)) is not None:
            yield content
            number += 1

    def forget_before(self, round_number: int) -> None:
        """Drops what is kept for rounds that have ended."""

        def work(connection: Connection) -> None:
            for table in (votes, heard, drafts, draft_targets):
                connection.execute(delete(table).where(table.c.round < round_number))

        self.database.run(work)


def _row(vote: Vote, signature: bytes) -> dict[str, Any]:
    return {**asdict(vote), "step": int(vote.step), "signature": signature}


def _vote(row: Row[Any]) -> Vote:
    return Vote(row.round, row.challenge, row.view, row.step, row.value)

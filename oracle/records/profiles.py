"""What owners say of their models, and where they want to be called."""

import re
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, delete

from oracle.errors import InputError
from oracle.records.asking import rows_of
from oracle.records.rows import ModelRow
from oracle.records.schema.life import webhook_deliveries
from oracle.records.schema.people import profiles
from oracle.store.database import Database

_LONGEST_TEXT = 1_000
_LONGEST_URL = 2_000
_SECRET_BYTES = 32
_PLAIN = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Profile:
    """``webhook``: called when a round opens, signed with ``webhook_secret``. ``owner`` said it."""

    tournament: int
    model: int
    bio: str | None = None
    link_text: str | None = None
    link_url: str | None = None
    webhook: str | None = None
    webhook_secret: bytes | None = None
    owner: str | None = None


class Profiles:
    """Profiles of the models of all tournaments. One counts for the owner who said it: whoever gets
    the model begins anew, and sees nothing of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, model: ModelRow) -> Profile | None:
        """What its owner said of it, if he did."""
        found = rows_of(self._database, Profile, profiles.c.model, [model.model], model.tournament)
        return next((row for row in found if row.owner == model.owner), None)

    def set_bio(self, model: ModelRow, bio: str) -> None:
        """Raises ``InputError`` for a text that is too long."""
        self._put(model, bio=_text("a bio", bio) or None)

    def set_link(self, model: ModelRow, text: str | None, url: str) -> None:
        """An empty ``url`` takes the link away. Raises ``InputError`` for what is no address of the
        web."""
        if not url:
            self._put(model, link_text=None, link_url=None)
            return
        shown = _text("a link's text", text or "") or None
        self._put(model, link_text=shown, link_url=_web_address(url))

    def set_webhook(self, model: ModelRow, url: str | None) -> None:
        """None takes it away. Its secret is made with the first one, and stays.

        Raises ``InputError`` for what is no address of the web.
        """
        webhook = _web_address(url) if url else None
        self._put(model, webhook=webhook, webhook_enabled=webhook is not None)

    def renew_secret(self, model: ModelRow) -> None:
        """Calls of its webhook are signed with another secret from now on."""
        secret = secrets.token_bytes(_SECRET_BYTES)
        self._put(model, webhook_secret=secret)

    def _put(self, model: ModelRow, **values: Any) -> None:
        key = {"tournament": model.tournament, "model": model.model}
        query = self._database.insert(profiles).values(
            **key,
            **{
                "webhook_secret": secrets.token_bytes(_SECRET_BYTES),
                "webhook_enabled": False,
                "owner": model.owner,
                **values,
            },
        )
        put = query.on_conflict_do_update(index_elements=list(key), set_=values)

        def work(connection: Connection) -> None:
            forget(connection, model)
            connection.execute(put)

        self._database.run(work)


def forget(connection: Connection, model: ModelRow) -> None:
    """Removes what another owner said of the model, and calls to where he wanted them."""
    here = (profiles.c.tournament == model.tournament, profiles.c.model == model.model)
    others = delete(profiles).where(*here, profiles.c.owner.is_distinct_from(model.owner))
    if connection.execute(others).rowcount:
        calls = webhook_deliveries.c
        connection.execute(
            delete(webhook_deliveries).where(
                calls.tournament == model.tournament, calls.model == model.model
            )
        )


def _text(what: str, value: str) -> str:
    if len(value) > _LONGEST_TEXT:
        raise InputError(f"{what} has at most {_LONGEST_TEXT} characters, not {len(value)}")
    return value.strip()


def _web_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one or len(url) > _LONGEST_URL or not _PLAIN.fullmatch(url):
        raise InputError("this is no address of the web", "write https://host/path")
    return url

"""What owners say of their models, and where they want to be called."""

import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from oracle.errors import InputError
from oracle.records.asking import rows_of
from oracle.records.schema.people import profiles
from oracle.store.database import Database

_LONGEST_TEXT = 1_000
_LONGEST_URL = 2_000
_SECRET_BYTES = 32
_PLAIN = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Profile:
    """``webhook``: called when a round opens, signed with ``webhook_secret``."""

    tournament: int
    model: int
    bio: str | None = None
    link_text: str | None = None
    link_url: str | None = None
    webhook: str | None = None
    webhook_secret: bytes | None = None


class Profiles:
    """Profiles of the models of all tournaments."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, tournament: int, models: Collection[int]) -> dict[int, Profile]:
        """Profiles of those models that have one."""
        found = rows_of(self._database, Profile, profiles.c.model, models, tournament)
        return {row.model: row for row in found}

    def set_bio(self, tournament: int, model: int, bio: str) -> None:
        """Raises ``InputError`` for a text that is too long."""
        self._put(tournament, model, bio=_text("a bio", bio) or None)

    def set_link(self, tournament: int, model: int, text: str | None, url: str) -> None:
        """An empty ``url`` takes the link away. Raises ``InputError`` for what is no address of the
        web."""
        if not url:
            self._put(tournament, model, link_text=None, link_url=None)
            return
        shown = _text("a link's text", text or "") or None
        self._put(tournament, model, link_text=shown, link_url=_web_address(url))

    def set_webhook(self, tournament: int, model: int, url: str | None) -> None:
        """None takes it away. Its secret is made with the first one, and stays.

        Raises ``InputError`` for what is no address of the web.
        """
        webhook = _web_address(url) if url else None
        self._put(tournament, model, webhook=webhook, webhook_enabled=webhook is not None)

    def _put(self, tournament: int, model: int, **values: Any) -> None:
        key = {"tournament": tournament, "model": model}
        query = self._database.insert(profiles).values(
            **key,
            webhook_secret=secrets.token_bytes(_SECRET_BYTES),
            **{"webhook_enabled": False, **values},
        )
        put = query.on_conflict_do_update(index_elements=list(key), set_=values)
        self._database.run(lambda connection: connection.execute(put))


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

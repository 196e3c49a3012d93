"""Requests to a tournament server, and its refusals as errors for people."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import httpx

from oracle.errors import AssayError, InputError, RefusedError, UnreachableError

_TIMEOUT = httpx.Timeout(120.0, connect=5.0)
_KINDS: Mapping[int, type[AssayError]] = {422: InputError, 503: UnreachableError}


def _http() -> httpx.Client:
    return httpx.Client(timeout=_TIMEOUT)


@dataclass(frozen=True)
class Client:
    """``url``: where the server is; ``authorization``: that header, ``Bearer ..`` or ``Token ..``.

    Every method raises ``UnreachableError`` where nobody answers, ``InputError`` and
    ``RefusedError`` with the server's words where it refuses.
    """

    url: str
    authorization: str = field(default="", repr=False)
    http: httpx.Client = field(default_factory=_http, repr=False)

    def allowed(self, authorization: str) -> "Client":
        """The same with other credentials."""
        return replace(self, authorization=authorization)

    def with_token(self, token: str) -> "Client":
        """The same with an API token, ``PUBLIC_ID$SECRET``."""
        return self.allowed(f"Token {token}")

    def get(self, path: str, **parameters: Any) -> Any:
        return self._json("GET", path, params=_given(parameters))

    def post(self, path: str, body: Any = None) -> Any:
        return self._json("POST", path, json=body)

    def put(self, path: str, body: Any) -> Any:
        return self._json("PUT", path, json=body)

    def delete(self, path: str) -> Any:
        return self._json("DELETE", path)

    def pages(self, path: str, **parameters: Any) -> list[Any]:
        """All items of a list that comes in pages."""
        found: list[Any] = []
        cursor = None
        while True:
            page = self.get(path, **parameters, cursor=cursor)
            found += page["items"]
            cursor = page["next"]
            if cursor is None:
                return found

    def graphql(self, query: str, **variables: Any) -> Any:
        """The query's ``data``, as Numerai's clients get it."""
        answer = self.post("/", {"query": query, "variables": variables})
        errors = answer.get("errors")
        if errors:
            kind = errors[0].get("extensions", {}).get("code")
            raise (InputError if kind == InputError.code else RefusedError)(errors[0]["message"])
        return answer["data"]

    def send(self, method: str, url: str, **more: Any) -> httpx.Response:
        """A request to any address. ``url`` may be a credential: no error text has more of it than
        the host."""
        try:
            return self.http.request(method, url, **more)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnreachableError(
                f"{urlsplit(url).netloc} does not answer ({type(error).__name__})",
                "see whether the server runs, and under which address",
            ) from None

    def _json(self, method: str, path: str, **more: Any) -> Any:
        headers = {"Authorization": self.authorization} if self.authorization else {}
        answer = self.send(method, f"{self.url.rstrip('/')}{path}", headers=headers, **more)
        try:
            body = answer.json() if answer.content else None
        except ValueError:
            body = None
        if answer.is_success:
            return body
        raise refusal(answer.status_code, body, urlsplit(self.url).netloc)


def refusal(status: int, body: Any, host: str) -> AssayError:
    """What the server said, as an error; ``body`` is its answer."""
    try:
        text, fix = str(body["error"]["message"]), str(body["error"]["fix"])
    except (KeyError, TypeError):
        return UnreachableError(f"{host} answered with status {status}", "is it such a server?")
    return _KINDS.get(status, RefusedError)(text, fix)


def _given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None}

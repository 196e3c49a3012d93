"""The web app's files over HTTP: their policy, caching, compression, and what is no file of it."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from oracle.errors import InputError
from oracle.gateway import web
from oracle.gateway.config import ServerConfig
from oracle.gateway.errors import explain_errors

SCRIPT = b"console.log(1);\n" * 100


def config(folder: Path | None, **changes: object) -> ServerConfig:
    tournament = {
        "number": 8,
        "chain_id": 137,
        "pool": "0x" + "11" * 20,
        "chain": {"urls": ["http://127.0.0.1:1"]},
        "public_rpc": ["https://rpc.example/key"],
        "data": "data",
    }
    fields = {"name": "s", "port": 28640, "url": "http://127.0.0.1:28640"}
    made = ServerConfig.model_validate({**fields, "tournaments": [tournament], **changes})
    return made.model_copy(update={"web": folder})


class Only:
    """As much of the services as the app's files need."""

    def __init__(self, given: ServerConfig) -> None:
        self.config = given


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>Assay</title>")
    (tmp_path / "assets" / "index-abc.js").write_bytes(SCRIPT)
    (tmp_path / "assets" / "index-abc.js.gz").write_bytes(gzip.compress(SCRIPT))
    (tmp_path / "notes.md").write_text("not of the app")
    return tmp_path


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    app = FastAPI()
    explain_errors(app)
    app.include_router(web.router(Only(config(folder))))  # type: ignore[arg-type]
    with TestClient(app, follow_redirects=False) as made:
        yield made


def test_app__asked_for_any_of_its_addresses__answers_with_its_page(client: TestClient) -> None:
    for path in ("/app/", "/app/8/leaderboard", "/app/models/x"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert "<title>Assay</title>" in answer.text
        assert answer.headers["cache-control"] == "no-cache"
    assert client.get("/").headers["location"] == "/app/"
    assert client.get("/app").headers["location"] == "/app/"


def test_app__any_answer__has_a_policy_without_other_hosts_and_inline_scripts(
    client: TestClient,
) -> None:
    for path in ("/app/", "/app/assets/index-abc.js"):
        headers = client.get(path).headers
        rules = dict(
            rule.strip().split(" ", 1) for rule in headers["content-security-policy"].split(";")
        )
        assert rules["default-src"] == "'self'"
        assert rules["connect-src"] == "'self' https://rpc.example"
        assert "unsafe" not in headers["content-security-policy"]
        assert rules["frame-ancestors"] == "'none'"
        assert headers["x-content-type-options"] == "nosniff"


def test_app__file_with_a_hash_in_its_name__is_compressed_and_kept_for_ever(
    client: TestClient,
) -> None:
    answer = client.get("/app/assets/index-abc.js", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < len(SCRIPT)
    assert answer.content == SCRIPT
    assert "immutable" in answer.headers["cache-control"]
    plain = client.get("/app/assets/index-abc.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == SCRIPT
    again = client.get(
        "/app/assets/index-abc.js", headers={"if-none-match": answer.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    ["notes.md", "assets/other.js", "../pyproject.toml", "%2e%2e/%2e%2e/etc/passwd.js"],
)
def test_app__asked_for_another_file__says_there_is_none(client: TestClient, path: str) -> None:
    answer = client.get(f"/app/{path}")
    assert answer.status_code in (404, 422)
    assert b"not of the app" not in answer.content


def test_app__where_it_was_not_built__says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "app_folder", lambda _: None)
    app = FastAPI()
    app.include_router(web.router(Only(config(None))))  # type: ignore[arg-type]
    answer = TestClient(app).get("/app/")
    assert answer.status_code == 404
    assert "make setup" in answer.text


def test_app__configured_folder_without_it__is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no index\.html"):
        web.app_folder(config(tmp_path))


def test_config__relative_web_folder__is_taken_from_the_file(tmp_path: Path) -> None:
    assert config(Path("dist")).under(tmp_path).web == tmp_path / "dist"

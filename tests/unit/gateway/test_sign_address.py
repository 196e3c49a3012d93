"""The address that errors send owners to: the wallet page, or what to do where there is no app; and
the chains' addresses that browsers are told."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from oracle.errors import InputError
from oracle.gateway import sign_page
from oracle.gateway.config import ServerConfig, load_server_config

ROOT = {"record": "bridge.json", "chain": {"urls": ["http://127.0.0.1:2"]}}


def config(folder: Path | None = None, **changes: object) -> ServerConfig:
    tournament = {
        "number": 8,
        "chain_id": 137,
        "pool": "0x" + "11" * 20,
        "chain": {"urls": ["http://127.0.0.1:1"]},
        "data": "data",
        **changes,
    }
    fields = {"name": "s", "port": 28640, "url": "http://127.0.0.1:28640"}
    made = ServerConfig.model_validate({**fields, "tournaments": [tournament]})
    return made.model_copy(update={"web": folder})


class Only:
    """As much of the services as the address needs."""

    def __init__(self, given: ServerConfig) -> None:
        self.config = given


def client(given: ServerConfig) -> TestClient:
    app = FastAPI()
    app.include_router(sign_page.router(Only(given)))  # type: ignore[arg-type]
    return TestClient(app, follow_redirects=False)


def test_sign__with_the_app__leads_to_the_wallet_page_with_its_query(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html>")
    answer = client(config(tmp_path)).get("/sign?tournament=8&model=3&action=increase")
    assert answer.status_code == 303
    where = "/app/wallet?tournament=8&model=3&action=increase#permissions"
    assert answer.headers["location"] == where


@pytest.mark.parametrize(
    "query", ["https://evil.example", "x=%0d%0aSet-Cookie:a=b", "a=#//evil.example", "a=<script>"]
)
def test_sign__whatever_the_query__stays_on_this_site(tmp_path: Path, query: str) -> None:
    (tmp_path / "index.html").write_text("<!doctype html>")
    answer = client(config(tmp_path)).get(f"/sign?{query}")
    assert answer.headers["location"].startswith("/app/wallet?")
    assert "<" not in answer.headers["location"]
    assert "set-cookie" not in answer.headers


def test_sign__without_the_app__says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_page, "app_folder", lambda _: None)
    answer = client(config()).get("/sign?tournament=8&model=3&action=increase")
    assert answer.status_code == 404
    assert "assay mandate give" in answer.text


def test_origins__of_every_chain__once_without_paths_and_keys() -> None:
    urls = ["https://rpc.example/v2/key", "https://rpc.example/other"]
    made = config(public_rpc=urls, root={**ROOT, "public_rpc": ["http://127.0.0.1:8545"]})
    assert made.browser_origins == ("http://127.0.0.1:8545", "https://rpc.example")
    assert config().browser_origins == ()


def test_record__in_the_file__lies_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "server.toml"
    path.write_text(
        'name = "s"\nport = 28640\nurl = "http://127.0.0.1:28640"\n[[tournaments]]\nnumber = 8\n'
        f'chain_id = 137\npool = "0x{"11" * 20}"\nchain = {{ urls = ["http://127.0.0.1:1"] }}\n'
        'data = "data"\n[tournaments.root]\nrecord = "bridge.json"\n'
        'chain = { urls = ["http://127.0.0.1:2"] }\n'
    )
    [one] = load_server_config(path).tournaments
    assert one.root is not None
    assert one.root.record == tmp_path / "bridge.json"


@pytest.mark.parametrize("url", ["ws://127.0.0.1:1", "javascript:alert(1)", "http://a b"])
def test_public_rpc__no_http_address__refused(tmp_path: Path, url: str) -> None:
    path = tmp_path / "server.toml"
    path.write_text(
        'name = "s"\nport = 28640\nurl = "http://127.0.0.1:28640"\n[[tournaments]]\nnumber = 8\n'
        f'chain_id = 137\npool = "0x{"11" * 20}"\nchain = {{ urls = ["http://127.0.0.1:1"] }}\n'
        f'data = "data"\npublic_rpc = ["{url}"]\n'
    )
    with pytest.raises(InputError, match="public_rpc"):
        load_server_config(path)

"""What a devnet writes for its server is a configuration that the server takes."""

from pathlib import Path

import pytest

from oracle.chain.keys import dev_account
from oracle.chain.signers import open_signer
from oracle.devnet.operator_home import Pace
from oracle.devnet.server_home import write_server_home
from oracle.devnet.topology import Topology, load
from oracle.gateway.config import ServerConfig, load_server_config

POOL = "0x" + "12" * 20


def _written(folder: Path, topology: Topology, bridge: Path | None = None) -> ServerConfig:
    path = write_server_home(
        folder / "server",
        topology,
        topology.required_server(),
        POOL,
        folder / "provider",
        folder / "datasets",
        Pace(cycle=0.3),
        bridge=bridge,
    )
    return load_server_config(path)


def test_write__devnet__serves_its_tournament_and_knows_its_operators(tmp_path: Path) -> None:
    topology = load().moved(30_000)
    config = _written(tmp_path, topology)
    [served] = config.tournaments
    assert (served.number, served.chain_id, served.pool) == (8, 731371, POOL)
    assert served.chain.urls == served.public_rpc == ("http://127.0.0.1:30000",)
    assert served.operators == tuple(f"http://127.0.0.1:{30_001 + i}" for i in range(4))
    assert (served.data, served.datasets) == (tmp_path / "provider", tmp_path / "datasets")
    assert served.root is None
    assert (config.port, config.url) == (30_040, "http://127.0.0.1:30040")
    assert config.home == tmp_path / "server"
    assert config.cycle == 0.3


def test_write__keys__of_the_named_accounts_for_their_owner_only(tmp_path: Path) -> None:
    config = _written(tmp_path, load())
    for settings, account in ((config.submitter, 60), (config.relayer, 61)):
        signer = open_signer(settings)
        assert signer is not None
        assert signer.address == dev_account(account).address
    for name in ("submitter.env", "relayer.env"):
        assert (tmp_path / "server" / name).stat().st_mode & 0o777 == 0o600
    key = bytes(dev_account(60).key).hex()
    assert key not in (tmp_path / "server" / "server.toml").read_text()


def test_write__bridge__the_root_chain_is_named(tmp_path: Path) -> None:
    config = _written(tmp_path, load().moved(30_000), tmp_path / "bridge.json")
    root = config.tournaments[0].root
    assert root is not None
    assert root.record == tmp_path / "bridge.json"
    assert root.chain.urls == root.public_rpc == ("http://127.0.0.1:30005",)
    assert config.browser_origins == ("http://127.0.0.1:30000", "http://127.0.0.1:30005")


def test_write__a_second_time__refused(tmp_path: Path) -> None:
    _written(tmp_path, load())
    with pytest.raises(FileExistsError):
        _written(tmp_path, load())

"""Deploys a tournament's contracts: registry, pool and oracle, wired to each other as immutables.

    ape run deploy --network polygon:devnet:http://127.0.0.1:28545 --topology FILE --record FILE

On the devnet it also deploys the stand-in token and signs with publicly known keys. The contracts
name each other, so their addresses are computed from the deployer's nonce before the first is
deployed and checked after the last.
"""

import hashlib
import subprocess
from dataclasses import astuple
from pathlib import Path
from typing import Any

import click
from ape import accounts, networks, project
from ape.api import AccountAPI
from ape.cli import ConnectedProviderCommand
from ape.contracts import ContractInstance
from eth_utils import keccak, to_checksum_address
from rlp import encode as rlp_encode

from oracle.chain.record import DeployedContract, DeploymentRecord
from oracle.devnet.topology import REAL_CHAINS, Topology, load

_SUPPLY = 11_000_000 * 10**18
_DEPLOYER, _ANNOUNCER = 0, 1


def created_address(sender: str, nonce: int) -> str:
    """Address of the contract that ``sender`` creates with ``nonce`` (CREATE)."""
    return to_checksum_address(keccak(rlp_encode([bytes.fromhex(sender[2:]), nonce]))[12:])


def compile_afresh() -> None:
    """Compiles all contracts if any source changed since they were compiled.

    Ape itself looks at a contract's own file only, so a changed module would go unnoticed.
    """
    digest = hashlib.sha256()
    for source in sorted((project.path / "contracts").rglob("*.vy*")):
        digest.update(source.relative_to(project.path).as_posix().encode() + source.read_bytes())
    stamp = project.path / ".build" / "sources.sha256"
    if not stamp.exists() or stamp.read_text() != digest.hexdigest():
        project.load_contracts(use_cache=False)
        stamp.write_text(digest.hexdigest())


def _source_commit() -> str:
    """The checked-out commit, marked if the contracts were changed since."""
    git = ["git", "-C", str(project.path)]
    try:
        commit = subprocess.run(
            [*git, "rev-parse", "HEAD"], capture_output=True, check=True, text=True
        )
        dirty = subprocess.run(
            [*git, "status", "--porcelain", "contracts"], capture_output=True, text=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit.stdout.strip() + ("-modified" if dirty.stdout.strip() else "")


class _Deployment:
    """Deploys in a fixed order and keeps what it did."""

    def __init__(self, deployer: AccountAPI) -> None:
        self.deployer = deployer
        self.contracts: dict[str, DeployedContract] = {}

    def deploy(self, name: str, **arguments: Any) -> ContractInstance:
        container = project.get_contract(name)
        instance = self.deployer.deploy(container, *arguments.values())
        self.contracts[name] = DeployedContract(
            address=instance.address,
            transaction=instance.txn_hash,
            arguments={key: _plain(value) for key, value in arguments.items()},
        )
        return instance


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return str(value)


def _deploy_tournament(topology: Topology, deployment: _Deployment, token: str | None) -> None:
    signers = [accounts.test_accounts[o.account].address for o in topology.operators]
    announcer = accounts.test_accounts[_ANNOUNCER].address
    if token is None:
        token = deployment.deploy("ChildNmr", supply=_SUPPLY).address
    nonce, sender = deployment.deployer.nonce, deployment.deployer.address
    registry, pool, oracle = (created_address(sender, nonce + i) for i in range(3))
    deployment.deploy("ModelRegistry", pool=pool, token=token)
    deployment.deploy("StakePool", token=token, oracle=oracle, registry=registry)
    deployment.deploy(
        "RoundOracle",
        pool=pool,
        tournament=topology.tournament.number,
        announcer=announcer,
        signers=signers,
        threshold=topology.tournament.signatures,
        template=astuple(topology.tournament.template.template()),
        timing=tuple(topology.tournament.timing.model_dump().values()),
    )
    deployed = [
        deployment.contracts[n].address for n in ("ModelRegistry", "StakePool", "RoundOracle")
    ]
    if deployed != [registry, pool, oracle]:
        raise click.ClickException(
            "the deployer sent another transaction meanwhile, so the contracts do not know each "
            "other; run again with an account that nothing else uses"
        )


@click.command(cls=ConnectedProviderCommand)
@click.option(
    "--topology", "topology_file", type=click.Path(path_type=Path), help="Topology (TOML)."
)
@click.option("--record", type=click.Path(path_type=Path), required=True, help="Record to write.")
@click.option("--token", help="NMR on this chain; without it the stand-in is deployed.")
def cli(topology_file: Path | None, record: Path, token: str | None) -> None:
    """Deploy a tournament's contracts and write the record."""
    chain_id = networks.provider.chain_id
    if chain_id in REAL_CHAINS:
        raise click.ClickException(
            f"chain {chain_id} is a real network; this script signs with keys everybody knows"
        )
    if record.exists():
        raise click.ClickException(f"{record} exists: this tournament is deployed already")
    compile_afresh()
    topology = load(topology_file)
    deployer = accounts.test_accounts[_DEPLOYER]
    deployment = _Deployment(deployer)
    _deploy_tournament(topology, deployment, token)
    DeploymentRecord(
        chain_id=chain_id,
        tournament=topology.tournament.number,
        commit=_source_commit(),
        compiler="vyper 0.4.3",
        deployer=deployer.address,
        announcer=accounts.test_accounts[_ANNOUNCER].address,
        contracts=deployment.contracts,
    ).save(record)
    click.echo(f"deployed; record in {record}")

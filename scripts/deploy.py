"""Deploys tournaments: contracts that know each other as immutables, and a record of each.

A devnet's tournament, and with --fund the money in its pool's vault:

    ape run deploy --network polygon:devnet:http://127.0.0.1:28545 --topology FILE --record FILE
      --bridge FILE --root-rpc http://127.0.0.1:28546

Tournaments by profile, with one timelock for all of them, a record each in a folder:

    ape run deploy --network polygon:mainnet:node --profile deployments/profiles/classic.toml
      --profile deployments/profiles/crypto.toml --roles FILE --records FOLDER
      --bridge deployments/bridges/mainnet.json --root-rpc URL --account ALIAS

The burn vault and the governance tunnel are deployed first, on both chains. The same command goes
on where an interrupted one stopped, and sends nothing when all is there. --dry-run shows what would
be done. How it works and how to check the result: docs/deployment.md.
"""

import hashlib
import os
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
from ape import accounts, networks, project
from ape.api import AccountAPI
from ape.cli import ConnectedProviderCommand
from web3 import Web3

from oracle.bridge.record import ROOT_RPC_VARIABLE, BridgeRecord, load_bridge
from oracle.chain.fees import market
from oracle.chain.record import TOURNAMENT, Compiler, load_record
from oracle.chain.rpc import connect
from oracle.devnet.profile import REAL_CHAINS, Roles, load_profile, load_roles
from oracle.devnet.topology import DEPLOYER, load
from oracle.errors import InputError, RefusedError
from scripts._deployment import Deployment, Job
from scripts._money import fund
from scripts._output import readable_errors
from scripts._own_bridge import OWN, OwnBridge, Source
from scripts._plan import ROOTS, SHARED, Artifact
from scripts._steps import Site


class ApeSigner:
    """The deployer's account in Ape, on one chain."""

    def __init__(self, account: AccountAPI, web3: Web3) -> None:
        self._account, self._web3, self._chain_id = account, web3, web3.eth.chain_id
        self.address = str(account.address)

    def sign_creation(self, nonce: int, data: bytes) -> bytes:
        """A raw signed transaction that creates a contract from ``data``."""
        return self._signed(nonce, {"data": data})

    def sign_call(self, nonce: int, to: str, data: bytes) -> bytes:
        """A raw signed transaction that calls ``to`` with ``data``."""
        return self._signed(nonce, {"data": data, "to": to})

    def _signed(self, nonce: int, call: dict[str, Any]) -> bytes:
        # Not by Ape's own estimates: they are those of the chain that it is connected to.
        gas = self._web3.eth.estimate_gas({"from": self.address, **call})  # type: ignore[typeddict-item]
        fees = market(self._web3)
        receiver = {"receiver": call["to"]} if "to" in call else {}
        made = networks.provider.network.ecosystem.create_transaction(
            type=2,
            chainId=self._chain_id,
            sender=self.address,
            nonce=nonce,
            data=call["data"],
            value=0,
            gas=gas + gas // 5,
            max_fee=fees.max_fee,
            max_priority_fee=fees.tip,
            **receiver,
        )
        signed = self._account.sign_transaction(made)
        if signed is None:
            raise RefusedError("the transaction was not signed")
        return bytes(signed.serialize_transaction())


# ---------------------------------------------------------------------- sources


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


def compiled() -> dict[str, Artifact]:
    """Every contract that a deployment may consist of."""
    compile_afresh()
    found = {}
    for name in (*OWN, *SHARED, *TOURNAMENT, *ROOTS):
        kind = project.get_contract(name).contract_type
        found[name] = Artifact(
            inputs=[i.model_dump(exclude_none=True) for i in kind.constructor.inputs],
            initcode=bytes.fromhex(kind.deployment_bytecode.bytecode.removeprefix("0x")),
            runtime=bytes.fromhex(kind.runtime_bytecode.bytecode.removeprefix("0x")),
        )
    return found


def source() -> Source:
    """What this checkout deploys."""
    evm_version = project.config.vyper.evm_version
    compiler = Compiler(version=version("vyper"), evm_version=evm_version)
    return Source(compiled(), compiler, source_commit())


def source_commit() -> str:
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


# ---------------------------------------------------------------------- the command

_File = click.Path(path_type=Path, dir_okay=False)


def _account(alias: str | None, chains: set[int]) -> AccountAPI:
    """An account of Ape's; with its passphrase in the environment it signs without asking.
    Without a name it is the devnet's deployer, whose key is known to all."""
    if alias is None:
        real = sorted(chains & REAL_CHAINS)
        if real:
            raise RefusedError(
                f"chain {real[0]} is a real network and the default key is known to all",
                "name an account of your own with --account",
            )
        return accounts.test_accounts[DEPLOYER]
    if alias not in accounts.aliases:
        raise InputError(f"Ape has no account {alias}", "see `ape accounts list`")
    account = accounts.load(alias)
    passphrase = os.environ.get(f"APE_ACCOUNTS_{alias}_PASSPHRASE")
    if passphrase is not None:
        account.set_autosign(True, passphrase=passphrase)
    return account


def _jobs(
    topology: Path | None,
    record: Path | None,
    profiles: Sequence[Path],
    records: Path | None,
    roles: Path | None,
) -> tuple[list[Job], Roles]:
    """What the options ask for: a topology's tournament, or those of profiles."""
    if not profiles:
        if record is None or records or roles:
            raise click.UsageError(
                "a devnet's tournament takes --record and neither --roles nor --records"
            )
        declared = load(topology)
        return [Job(declared.tournament, record)], declared.roles()
    if records is None or roles is None or topology or record:
        raise click.UsageError("profiles take --roles and --records, not --topology or --record")
    stems = [profile.stem for profile in profiles]
    if len(set(stems)) < len(stems):
        raise click.UsageError("two profiles of one name would share a record")
    people = load_roles(roles)
    jobs = []
    for path in profiles:
        rules = load_profile(path)
        if rules.operators != len(people.operators):
            raise InputError(
                f"{path} is for {rules.operators} operators, {roles} names {len(people.operators)}"
            )
        jobs.append(Job(rules, records / f"{path.stem}.json"))
    return jobs, people


def _deployment(
    web3: Web3, people: Roles, alias: str | None, bridge: Path | None, root_rpc: str | None
) -> Deployment:
    """By whom, and with which bridge."""
    if bridge is not None and root_rpc is None:
        raise click.UsageError("a bridge is on two chains: pass --root-rpc")
    record = load_bridge(bridge) if bridge else None
    account = _account(alias, _ids(web3, record))
    home, made = Site(web3, ApeSigner(account, web3)), source()
    if bridge is None or record is None or root_rpc is None:
        return Deployment(home, people, made)
    root = connect(root_rpc, record.root.chain_id)
    own = OwnBridge(bridge, record, Site(root, ApeSigner(account, root)), home, made)
    return Deployment(home, people, made, own)


def _ids(web3: Web3, record: BridgeRecord | None) -> set[int]:
    return {web3.eth.chain_id} | ({record.root.chain_id} if record else set())


@click.command(cls=ConnectedProviderCommand)
@click.option("--topology", type=_File, help="A devnet's topology (TOML).")
@click.option("--record", type=_File, help="Record of the devnet's tournament.")
@click.option(
    "--profile", "profiles", type=_File, multiple=True, help="A tournament's rules (TOML)."
)
@click.option("--roles", type=_File, help="Who runs the tournaments on this chain (TOML).")
@click.option("--records", type=click.Path(path_type=Path), help="Folder of the profiles' records.")
@click.option("--shared", type=_File, help="Record whose timelock is to be used.")
@click.option("--bridge", type=_File, help="Record of the bridge that brings the token.")
@click.option(
    "--root-rpc",
    envvar=ROOT_RPC_VARIABLE,
    help="RPC address of the bridge's root chain.",
    show_envvar=True,
)
@click.option("--account", help="Ape account that deploys; must be named on real chains.")
@click.option("--fund", "with_money", is_flag=True, help="Fill the pool's vault of a devnet too.")
@click.option("--dry-run", is_flag=True, help="Show the plan, send nothing.")
def cli(
    topology: Path | None,
    record: Path | None,
    profiles: tuple[Path, ...],
    roles: Path | None,
    records: Path | None,
    shared: Path | None,
    bridge: Path | None,
    root_rpc: str | None,
    account: str | None,
    with_money: bool,
    dry_run: bool,
) -> None:
    """Deploy tournaments and write their records; go on where an interrupted run stopped."""
    if with_money and (profiles or dry_run):
        raise click.UsageError("--fund is for a devnet's tournament")
    with readable_errors() as web3:
        jobs, people = _jobs(topology, record, profiles, records, roles)
        deployment = _deployment(web3, people, account, bridge, root_rpc)
        common = deployment.shareable(load_record(shared), people) if shared else {}
        if dry_run:
            deployment.show(jobs, common, click.echo)
            return
        deployment.run(jobs, common, click.echo)
        if with_money:
            fund(load(topology), load_record(jobs[0].record))

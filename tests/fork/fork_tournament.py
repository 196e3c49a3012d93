"""What a tournament needs to take stakes, and the burn vault, deployed on the forks by Ape."""

from dataclasses import asdict, dataclass
from pathlib import Path

import ape
from ape.api import AccountAPI
from ape.contracts import ContractInstance
from eth_abi import encode
from eth_utils import keccak
from forks import Forks

from oracle.bridge.record import BridgeRecord
from oracle.bridge.vault import FACTORY, vault_address, vault_call, vault_initcode
from oracle.devnet.profile import Profile, load_profile
from oracle.settings import project_root
from oracle.settlement.units import WEI_PER_UNIT
from scripts._plan import created_address
from scripts.deploy import compile_afresh

PROFILE = Path("deployments/profiles/classic.toml")
GOVERNOR, ANNOUNCER, GUARDIAN, OPERATORS = 1, 2, 3, range(4, 11)
"""Accounts that hold roles; nothing here has any of them act."""


@dataclass(frozen=True, slots=True)
class Tournament:
    """By the rules of a production profile."""

    registry: ContractInstance
    pool: ContractInstance
    rules: Profile

    @property
    def fee(self) -> int:
        """Price of a registration, wei."""
        return self.rules.fee * WEI_PER_UNIT


def deploy_vault(forks: Forks, sender: AccountAPI) -> ContractInstance:
    """The burn vault on both forks, by the deterministic deployment proxy."""
    compile_afresh()
    kind = ape.project.BurnVault.contract_type
    initcode = vault_initcode(bytes.fromhex(kind.deployment_bytecode.bytecode[2:]), forks.record)
    for fork in (forks.root, forks.child):
        with fork.used():
            sender.transfer(FACTORY, 0, data=vault_call(initcode))
    return ContractInstance(vault_address(initcode), kind)


def deploy_tournament(record: BridgeRecord, vault: str, deployer: AccountAPI) -> Tournament:
    """Contracts that know each other by addresses of nonces to come, on the fork in use."""
    compile_afresh()
    rules = load_profile(project_root() / PROFILE)
    nonce, token = deployer.nonce, record.child.token
    registry, pool, oracle, relay = (
        created_address(str(deployer.address), nonce + i) for i in range(4)
    )
    people = ape.accounts.test_accounts
    fee = rules.fee * WEI_PER_UNIT
    made = [
        deployer.deploy(ape.project.ModelRegistry, pool, token, vault, fee, rules.reserve_delay),
        deployer.deploy(
            ape.project.StakePool,
            *(token, oracle, registry, relay, vault),
            tuple(rules.clocks.model_dump().values()),
        ),
        deployer.deploy(
            ape.project.RoundOracle,
            *(pool, rules.number, token, vault),
            *(people[i].address for i in (GOVERNOR, ANNOUNCER, GUARDIAN)),
            [people[i].address for i in OPERATORS],
            *(rules.signatures, rules.super_quorum),
            tuple(asdict(rules.template.template()).values()),
            tuple(rules.timing.model_dump().values()),
        ),
        deployer.deploy(ape.project.StakeRelay, pool, registry),
    ]
    assert [contract.address for contract in made] == [registry, pool, oracle, relay]
    return Tournament(made[0], made[1], rules)


def register(forks: Forks, tournament: Tournament, owner: AccountAPI) -> int:
    """Registers a model of ``owner``'s, who pays the fee; its id. The child fork is in use."""
    name, salt = keccak(text=str(owner.address)), bytes(32)
    reserved = keccak(encode(["bytes32", "address", "bytes32"], [name, owner.address, salt]))
    registry = tournament.registry
    registry.reserve(reserved, sender=owner)
    forks.chains.child.mine(1, tournament.rules.reserve_delay + 1)
    forks.child_token.approve(registry.address, tournament.fee, sender=owner)
    [registered] = registry.register(name, owner.address, salt, sender=owner).decode_logs(
        registry.Registered
    )
    return int(registered.model)

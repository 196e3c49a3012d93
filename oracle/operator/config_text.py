"""The text of a new ``operator.toml``: every section, what is left at its default as a comment."""

import json
import re
from collections.abc import Iterator, Mapping

Settings = Mapping[str, Mapping[str, object]]
"""Values by section and name; the section of what stands above all sections is empty."""

# In the template "# " begins an explanation; "#" without a space a default, or an example of what
# has none.
_TEMPLATE = """\
# An operator of one tournament. docs/operators.md explains every field; `assay operator check`
# says what is wrong. Paths are relative to this file, those of [store] to `home`.
# Lines with # and no space are defaults and examples: remove the # to use them.

#name = "operator"
#chain_id = 137
#pool = "0x0000000000000000000000000000000000000000"

# Where database and artefacts are kept; what opens files that are sent to this operator.
#home = "."
#identity = "identity.age"

# The data provider's folder, and the accounts that may put targets into the vault.
#data = "provider"
#providers = []

# Where it listens, and where others reach it: as a rule the address of a proxy with TLS.
#host = "127.0.0.1"
#port = 8600
#url = ""

# The other operators.
#peers = []

# Seconds: between looks at the chain; that each next operator waits before it sends what the one
# before it did not; to wait for silent peers.
#cycle = 1.0
#stagger = 5.0
#patience = 30.0

# To whom predictions are disclosed where a tournament discloses them to verifiers.
#verifiers = []
# Takes files that are not encrypted; for trying only.
#allow_plaintext = false

[chain]
# Two or more, of different companies. So many must give the same answer:
#urls = []
#agree = 2
# Go on with fewer while others fail.
#solo = true
#stale_seconds = 30.0
# The most that is ever offered for a unit of gas.
#max_fee_gwei = 1000
#wait = 15.0

# The key. kind = "keystore" has keystore and password_file; "envfile" has file; "kms" has key_id,
# region and endpoint_url. Without this section it is a dry run: nothing is signed or sent.
#[signer]

[store]
# A file, or postgresql://user@host1,host2/name?target_session_attrs=read-write
#database = "journal.sqlite"
#artefacts = "artefacts"
# Days after a round's horizon that the database keeps its files besides.
#keep_files_days = 30.0

# A bucket that every round is copied to; credentials as boto3 finds them.
#[store.s3]
#bucket = "assay-rounds"
#prefix = ""
#endpoint_url = "https://s3.example"
#region = "eu-central-1"

# Takes burns on to Ethereum, where they leave the supply: the bridge's record, RPC addresses of
# Ethereum. The signer's account needs gas money there too. Without it only the child chain's vault
# is swept.
#[bridge]
#record = "bridge.json"
#urls = ["https://ethereum.example"]
#agree = 2
#solo = true
#stale_seconds = 60.0
#max_fee_gwei = 100
#wait = 2.0
#every = 60.0

# Only at the operator that announces rounds, with the announcer's key.
#[announce]
#calendar = "weekdays"
#spec = "assay/scoring/2"
#ahead = 172800
#margin = 300
#phi = 1000000
#hour = 13
#window = 3600
#weekend_window = 176400
#horizon_weekdays = 24
#days = [1, 2, 3, 4, 5]
#[announce.signer]
#kind = "envfile"
#file = "announcer.env"
"""
_SETTING = re.compile(r"#(\w+) = ")
_SECTION = re.compile(r"#?\[([\w.]+)\]$")


def config_text(settings: Settings) -> str:
    """``operator.toml`` with these settings in force."""
    return "\n".join(_lines({section: dict(named) for section, named in settings.items()})) + "\n"


def _lines(left: dict[str, dict[str, object]]) -> Iterator[str]:
    section = ""
    shown = _names()
    for line in _TEMPLATE.splitlines():
        if header := _SECTION.match(line):
            section = header[1]
            given = left.get(section, {})
            yield line.removeprefix("#") if given else line
            # What the template has no line for: a signer's fields depend on its kind.
            for name in [name for name in given if (section, name) not in shown]:
                yield _spelled(name, given.pop(name))
        elif (found := _SETTING.match(line)) and found[1] in left.get(section, {}):
            yield _spelled(found[1], left[section].pop(found[1]))
        else:
            yield line
    assert not any(left.values()), f"the template has no place for {left}"


def _names() -> set[tuple[str, str]]:
    section, found = "", set()
    for line in _TEMPLATE.splitlines():
        if header := _SECTION.match(line):
            section = header[1]
        elif setting := _SETTING.match(line):
            found.add((section, setting[1]))
    return found


def _spelled(name: str, value: object) -> str:
    """Strings, numbers, booleans and lists of these are spelled in TOML as in JSON."""
    return f"{name} = {json.dumps(value)}"

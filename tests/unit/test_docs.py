"""The documents agree with the code: links, paths, names of tests, commands and tables."""

import re
import shlex
from pathlib import Path

import click
import pytest
from test_rooms import MODULES, ROOMS

from oracle import errors
from oracle.bridge.record import ROOT_RPC_VARIABLE
from oracle.chain.keys import KEY_VARIABLE
from oracle.cli import _COMMANDS, cli
from oracle.errors import Exit
from oracle.operator import failpoints
from oracle.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
CLI = ROOT / "docs" / "cli.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
MADE_BY_RUNS = frozenset({".assay", ".build", ".venv", "build", "node_modules"})
NO_COMMANDS = frozenset({"json", "python", "text", "toml"})

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
PATH = re.compile(r"[\w.*/-]+")
AT_ROOT = re.compile(r"[A-Z]+\.md|Makefile|[\w-]+\.(?:lock|in)|pyproject\.toml|ape-config\.yaml")
TEST = re.compile(r"test_\w+__\w+")
VARIABLE = re.compile(r"\bASSAY_[A-Z_]+\b")

each_document = pytest.mark.parametrize("document", DOCS, ids=lambda path: path.name)


def prose(document: Path) -> str:
    """A document without its code blocks."""
    return FENCE.sub("", document.read_text())


def spans(document: Path) -> list[str]:
    """What stands in backticks outside code blocks."""
    return SPAN.findall(prose(document))


def command_lines(document: Path) -> list[list[str]]:
    """Arguments of every line of a code block that runs ``assay``."""
    found = []
    for language, block in FENCE.findall(document.read_text()):
        if language in NO_COMMANDS:
            continue
        for line in block.replace("\\\n", " ").splitlines():
            words = re.match(r"\s*(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\./)?assay( .*)?$", line)
            if words:
                found.append(shlex.split(words[1] or "", comments=True))
    return found


def table(document: Path, heading: str) -> list[list[str]]:
    """Cells of the first table below ``heading``, without its header, backticks removed."""
    _, _, below = document.read_text().partition(f"\n## {heading}\n")
    rows = re.search(r"^\|[^\n]*\|\n\|[-| ]+\|\n((?:\|[^\n]*\|\n)+)", below, re.MULTILINE)
    assert rows, f"no table below {heading!r} in {document.name}"
    return [
        [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]
        for line in rows[1].splitlines()
    ]


def anchors(document: Path) -> set[str]:
    """Names that links can point to in a document, made from its headings."""
    plain = (re.sub(r"[^\w\- ]", "", h.lower()) for h in HEADING.findall(prose(document)))
    return {heading.strip().replace(" ", "-") for heading in plain}


def broken_link(document: Path, target: str) -> str | None:
    """Why a relative link leads nowhere, or None if it leads somewhere."""
    path, _, anchor = target.partition("#")
    there = (document.parent / path).resolve() if path else document
    if not there.exists():
        return f"{target}: no such file"
    if anchor and anchor not in anchors(there):
        return f"{target}: no such heading"
    return None


def is_missing_path(span: str) -> bool:
    """Whether ``span`` names something by its path from the root, and there is no such thing."""
    path = span.removeprefix("./")
    top, slash, _ = path.partition("/")
    in_folder = slash and top and (ROOT / top).is_dir() and top not in MADE_BY_RUNS
    if not PATH.fullmatch(span) or not (in_folder or AT_ROOT.fullmatch(path)):
        return False
    return not any(ROOT.glob(path))


def parse(arguments: list[str]) -> str:
    """Parses a command line without running it; returns the command's path."""
    command: click.Command = cli
    context = cli.make_context("assay", list(arguments))
    rest = arguments
    while isinstance(command, click.Group):
        rest = [*context.protected_args, *context.args]
        if not rest:
            break
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command, context = found, found.make_context(name, list(rest), parent=context)
    return context.command_path


def names_no_command(words: list[str]) -> bool:
    """Whether an inline mention such as ``assay stake show`` names a command that is not there."""
    command: click.Command = cli
    context = click.Context(cli)
    for word in words:
        if word.startswith("-") or not isinstance(command, click.Group):
            return False
        found = command.get_command(context, word)
        if found is None:
            return True
        command = found
    return False


def option_variables(command: click.Command = cli) -> set[str]:
    """Environment variables that options of a command, and of those below it, are read from."""
    named = {p.envvar for p in command.params if isinstance(p.envvar, str)}
    if isinstance(command, click.Group):
        context = click.Context(command)
        below = (command.get_command(context, name) for name in command.list_commands(context))
        named = named.union(*(option_variables(found) for found in below if found is not None))
    return named


def variables() -> set[str]:
    """Those that people set."""
    settings = {f"ASSAY_{name.upper()}" for name in Settings.model_fields}
    return settings | {"ASSAY_DEBUG"} | option_variables()


# ---------------------------------------------------------------------- every document


def test_documents__are_found() -> None:
    names = {path.name for path in DOCS}
    assert {"README.md", "SECURITY.md", "cli.md", "formats.md", "threat-model.md"} <= names


@each_document
def test_links__relative__lead_somewhere(document: Path) -> None:
    targets = [t for t in LINK.findall(prose(document)) if "://" not in t]
    assert [why for target in targets if (why := broken_link(document, target))] == []


@each_document
def test_paths__in_backticks__exist(document: Path) -> None:
    assert [span for span in spans(document) if is_missing_path(span)] == []


@each_document
def test_tests__named_in_backticks__exist(document: Path) -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    there = set(re.findall(r"def (test_\w+)\(", sources))
    assert [span for span in spans(document) if TEST.fullmatch(span) and span not in there] == []


@each_document
def test_commands__in_code_blocks__parse(document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_RPC", raising=False)
    for arguments in command_lines(document):
        try:
            parse(arguments)
        except click.ClickException as error:
            pytest.fail(f"assay {shlex.join(arguments)}: {error.format_message()}")


@each_document
def test_commands__in_backticks__exist(document: Path) -> None:
    mentioned = (re.fullmatch(r"(?:\./)?assay ([^|]+)", span) for span in spans(document))
    wrong = [m[0] for m in mentioned if m and names_no_command(m[1].split())]
    assert wrong == []


@each_document
def test_make__targets_named__exist(document: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    blocks = "\n".join(block for _, block in FENCE.findall(document.read_text()))
    named = re.findall(r"^make ([\w-]+)", "\n".join([*spans(document), blocks]), re.MULTILINE)
    assert set(named) <= targets


@each_document
def test_variables__named__are_read(document: Path) -> None:
    known = variables() | {failpoints.VARIABLE, KEY_VARIABLE, ROOT_RPC_VARIABLE}
    assert set(VARIABLE.findall(document.read_text())) <= known


# ---------------------------------------------------------------------- tables


def test_exit_codes__table__equals_the_code() -> None:
    rows = table(CLI, "Exit codes")
    assert {int(code): name for code, name, *_ in rows} == {e.value: e.name for e in Exit}
    codes = {int(row[0]): row[2] for row in rows}
    general = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    kinds = [kind for kind in general if issubclass(kind, errors.AssayError)]
    assert {kind.exit_code: kind.code for kind in kinds}.items() <= codes.items()


def test_command_table__existing__equals_the_tree() -> None:
    rows = table(CLI, "Commands")
    names = [row[0] for row in rows]
    assert len(names) == len(set(names))
    assert {row[1] for row in rows} == {"now", "later"}
    assert {row[0] for row in rows if row[1] == "now"} == set(_COMMANDS)


def test_command_table__subcommands__equal_the_tree() -> None:
    context = click.Context(cli)
    for name, state, subcommands, *_ in table(CLI, "Commands"):
        if state == "now":
            command = cli.get_command(context, name)
            there = set(command.commands) if isinstance(command, click.Group) else set()
            assert set(subcommands.replace(",", " ").split()) == there, name


def test_environment__table__equals_the_settings() -> None:
    named = {row[0] for row in table(CLI, "Environment")}
    assert named == variables()


def test_rooms__table__equals_the_enforced_one() -> None:
    rows = {row[0]: row[2] for row in table(ARCHITECTURE, "Rooms")}
    parts = {room: set(text.replace(",", " ").split()) for room, text in rows.items()}
    assert parts == {room: set(others) or {"nothing"} for room, others in ROOMS.items()}
    assert MODULES["settings"] == {"devnet", "demo", "cli"}, "say so in the table's last row"


# ---------------------------------------------------------------------- named elsewhere

SECTIONS = {
    "The operator's process": "oracle/operator",
    "Evaluation in bounded memory": "oracle/evaluation",
    "Chain access": "oracle/chain",
}


@pytest.mark.parametrize("heading", SECTIONS)
def test_architecture__modules_of_a_section__exist(heading: str) -> None:
    section = ARCHITECTURE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    named = set(re.findall(r"`(\w+\.py)`", section))
    assert len(named) > 3
    assert [name for name in named if not (ROOT / SECTIONS[heading] / name).is_file()] == []


def test_documents__named_by_code_and_alerts__lead_somewhere() -> None:
    files = [*(ROOT / "oracle").rglob("*.py"), *(ROOT / "deployments").rglob("*.yml")]
    named = {
        link for file in files for link in re.findall(r"docs/[\w-]+\.md[#\w-]*", file.read_text())
    }
    assert any("#" in link for link in named)
    assert [why for link in named if (why := broken_link(ROOT / "README.md", link))] == []


# ---------------------------------------------------------------------- the checker


@pytest.mark.parametrize(
    "span", ["docs/none.md", "oracle/none/", "NONE.md", "./docs/none.md", "tests/*/none_*.py"]
)
def test_is_missing_path__to_nothing__found(span: str) -> None:
    assert is_missing_path(span)


@pytest.mark.parametrize(
    "span",
    ["docs/cli.md", "./assay", "tests/unit", "README.md", "Makefile", "StakePool", "outputs/x.csv"],
)
def test_is_missing_path__something_or_no_path__passed(span: str) -> None:
    assert not is_missing_path(span)


@pytest.mark.parametrize("target", ["none.md", "cli.md#none", "#none"])
def test_broken_link__to_nothing__named(target: str) -> None:
    assert broken_link(CLI, target)


@pytest.mark.parametrize(
    "line",
    [
        "wallet",
        "stake",
        "stake nope",
        "stake show",
        "stake deposit 0 abc",
        "verify x",
        "demo --nope",
    ],
)
def test_parse__line_that_would_be_refused__raises(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ASSAY_RPC", raising=False)
    with pytest.raises((click.ClickException, click.exceptions.Exit)):
        parse(line.split())


def test_parse__line_that_runs__names_its_command() -> None:
    line = ["stake", "deposit", "3", "25.5", "--dev-account", "10"]
    assert parse(line) == "assay stake deposit"


def test_command_lines__document__all_found(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text(
        "assay no\n```console\n$ ./assay demo  # why\nASSAY_HOME=x assay round \\\n  list\n"
        "make assay\n```\n"
    )
    assert command_lines(document) == [["demo"], ["round", "list"]]


@pytest.mark.parametrize("words", ["wallet", "stake nope"])
def test_names_no_command__absent__found(words: str) -> None:
    assert names_no_command(words.split())

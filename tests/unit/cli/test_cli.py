"""The ``assay`` command without a chain: help, exit codes, the JSON envelope, errors with a fix."""

import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import click
import pytest
from command import Ran

import oracle.cli
from oracle.cli import cli
from oracle.devnet.folder import only_one
from oracle.errors import Exit

POOL = "0x" + "11" * 20
TREE = frozenset(
    [
        *("demo", "devnet", "data", "score", "audit", "verify", "watch", "dispute", "simulate"),
        *("submit", "models", "leaderboard", "diagnostics", "stake", "wallet", "bridge"),
        *("operator", "round", "mandate", "targets", "history", "server", "account"),
    ]
)
PREDICTIONS = "id,prediction\na,0.1\nb,0.4\nc,0.2\nd,0.9\n"
TARGETS = "id,target\na,0.25\nb,0.5\nc,0\nd,1\n"


def in_a_process(*arguments: object, **environment: str) -> Ran:
    done = subprocess.run(
        [sys.executable, "-m", "oracle", *map(str, arguments)],
        capture_output=True,
        env={**os.environ, **environment},
        timeout=60,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def _walk(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    if isinstance(command, click.Group):
        with click.Context(command) as ctx:
            for name in command.list_commands(ctx):
                found = command.get_command(ctx, name)
                assert found is not None
                yield from _walk(found, (*path, name))


COMMANDS = dict(_walk(cli, ()))
LEAVES = [path for path, found in COMMANDS.items() if not isinstance(found, click.Group)]


@pytest.fixture
def dead_rpc() -> str:
    """An address at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"http://127.0.0.1:{port}"


# ---------------------------------------------------------------------- help


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help__every_command__says_what_it_does(assay, path, flag):
    ran = assay(*path, flag)
    assert ran.code == 0
    assert ran.err == ""
    assert ran.out.startswith(f"Usage: {' '.join(['assay', *path])}")
    first_line = COMMANDS[path].help.strip().splitlines()[0].split(":")[0][:40]
    assert first_line in ran.out


def test_help__root__lists_each_command_and_only_names_of_the_tree(assay):
    listed = {
        line.split()[0] for line in assay("--help").out.split("Commands:")[1].splitlines()[1:]
    }
    assert listed == {path[0] for path in COMMANDS if path}
    assert listed <= TREE


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_json__every_command_that_ends__has_the_option(path):
    options = {name for option in COMMANDS[path].params for name in option.opts}
    assert ("--json" in options) == (path not in {("operator", "run"), ("server", "run")})


def test_options__every_one__is_explained():
    lacking = [
        (*path, option.name)
        for path, found in COMMANDS.items()
        for option in found.params
        if isinstance(option, click.Option) and not option.help and not option.show_default
    ]
    assert lacking == []


# ---------------------------------------------------------------------- usage


USAGE = [
    ("bogus",),
    ("devnet", "sideways"),
    ("--bogus",),
    ("score",),
    ("score", "x.csv"),
    ("verify", "folder"),
    ("models", "register"),
    ("stake", "deposit", "0"),
    ("stake", "deposit", "zero", "1"),
    ("stake", "deposit", "-1", "1"),
    ("stake", "deposit", str(2**20), "1"),
    *(("stake", "deposit", "0", amount) for amount in ("abc", "0", "-1", "1e-10", "NaN", "Inf")),
    ("stake", "mode", "0", "sometimes"),
    ("round", "show", "0"),
    ("devnet", "advance", "0"),
    ("devnet", "up", "--base-port", "80"),
    ("demo", "--data", "nothing"),
    ("data", "synthetic", "x", "--resolution", "y", "--rows", "1"),
    ("submit", "x.csv", "--model", "0", "--dev-account", "64"),
]


@pytest.mark.parametrize("arguments", USAGE, ids=" ".join)
def test_usage__wrong__code_2_and_the_usage_line(assay, arguments):
    ran = assay(*arguments)
    assert ran.code == Exit.USAGE
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    assert "Usage: assay" in ran.err


@pytest.mark.parametrize("arguments", USAGE, ids=" ".join)
def test_usage__wrong_with_json__one_object(assay, arguments):
    error = assay(*arguments, "--json").error()
    assert (error["code"], error["exit"]) == ("usage", Exit.USAGE)


# ---------------------------------------------------------------------- bad input


def test_score__file__exact_billionths_for_people_and_machines(assay, tmp_path):
    (tmp_path / "p.csv").write_text(PREDICTIONS)
    (tmp_path / "t.csv").write_text(TARGETS)
    shown = assay("score", "p.csv", "--targets", "t.csv")
    result = assay("score", "p.csv", "--targets", "t.csv", "--json").envelope()["result"]
    assert shown.code == 0
    assert result["rows"] == 4
    assert result["corr"] in shown.out
    assert len(result["corr"].partition(".")[2]) == 9
    (tmp_path / "reversed.csv").write_text(
        "id,prediction\n"
        + "".join(f"{i},{1 - v / 10:.1f}\n" for i, v in zip("abcd", (1, 4, 2, 9), strict=True))
    )
    against = assay("score", "reversed.csv", "--targets", "t.csv", "--json").envelope()["result"]
    assert against["corr"] == "-" + result["corr"]


@pytest.mark.parametrize(
    ("predictions", "targets", "said"),
    [
        (None, TARGETS, "cannot read p.csv"),
        (PREDICTIONS, None, "t.csv"),
        ("", TARGETS, "invalid_submission_"),
        ("\x00\xff garbage", TARGETS, "invalid_submission_"),
        ("id,prediction\na,0.1\n", TARGETS, "invalid_submission_ids"),
        (PREDICTIONS.replace("0.4", "nan"), TARGETS, "invalid_submission_values"),
        (PREDICTIONS.replace("0.4", "1.5"), TARGETS, "invalid_submission_values"),
        (PREDICTIONS + "a,0.3\n", TARGETS, "invalid_submission_ids"),
        (PREDICTIONS, "no table", "t.csv"),
        (PREDICTIONS, "id,target\na,0\nb,0\nc,0\nd,0\n", "target"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_score__bad_files__code_3_and_what_is_wrong(
    assay, tmp_path, predictions, targets, said, as_json
):
    for name, text in (("p.csv", predictions), ("t.csv", targets)):
        if text is not None:
            (tmp_path / name).write_bytes(text.encode("latin-1"))
    ran = assay("score", "p.csv", "--targets", "t.csv", *["--json"] * as_json)
    assert ran.code == Exit.INPUT
    assert said in (ran.error()["message"] if as_json else ran.err)


@pytest.mark.parametrize(
    "arguments",
    [
        ("operator", "run", "--config", "missing.toml"),
        ("demo", "--topology", "missing.toml"),
        ("devnet", "up", "--topology", "missing.toml"),
    ],
    ids=" ".join,
)
def test_file__missing__code_3_naming_it_and_nothing_written(assay, tmp_path, arguments):
    ran = assay(*arguments)
    assert ran.code == Exit.INPUT
    assert "cannot read missing.toml" in ran.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not toml", "operator.toml: "),
        ('name = "Operator One"', "operator.toml: name: "),
        ('name = "one"', "operator.toml: chain_id: Field required"),
        ('name = "one"\nsecret = "x"', "operator.toml: "),
    ],
)
def test_operator__bad_configuration__code_3_naming_file_and_field(assay, tmp_path, text, said):
    (tmp_path / "operator.toml").write_text(text)
    ran = assay("operator", "run", "--config", "operator.toml")
    assert ran.code == Exit.INPUT
    assert said in ran.err


def test_operator__wrong_password__code_3_without_the_password(assay, tmp_path, dead_rpc):
    from eth_account import Account

    from oracle.chain.keys import write_keystore

    write_keystore(tmp_path / "key.json", Account.from_key(b"\x07" * 32), "right horse")
    (tmp_path / "password").write_text("wrong horse\n")
    (tmp_path / "operator.toml").write_text(
        f'name = "one"\nchain_id = 731371\npool = "{POOL}"\ndata = "."\nport = 33999\n'
        f'[chain]\nurls = ["{dead_rpc}"]\n'
        '[signer]\nkind = "keystore"\nkeystore = "key.json"\npassword_file = "password"\n'
    )
    ran = assay("operator", "run", "--config", "operator.toml")
    assert ran.code == Exit.INPUT
    assert "cannot be opened with the password" in ran.err
    assert "horse" not in ran.err + ran.out
    (tmp_path / "password").write_text("right horse\n")
    assert assay("operator", "run", "--config", "operator.toml").code == Exit.UNREACHABLE


def test_topology__chain_id_of_a_real_network__refused_with_the_reason(assay, tmp_path):
    from importlib.resources import files

    text = files("oracle.devnet").joinpath("topology.toml").read_text()
    for chain_id in (1, 137):
        (tmp_path / "t.toml").write_text(text.replace("731371", str(chain_id)))
        error = assay("devnet", "up", "--topology", "t.toml", "--json").error()
        assert error["exit"] == Exit.INPUT
        assert f"chain id {chain_id} belongs to a real network" in error["message"]
        assert "private" in error["fix"]


def test_demo__folder_in_use__code_6_and_the_folder_untouched(assay, tmp_path):
    folder = tmp_path / "with space"
    with only_one(folder):
        (folder / "mine").write_text("kept")
        error = assay("demo", "--folder", folder, "--json").error()
    assert error["exit"] == Exit.ENVIRONMENT
    assert "a run is under way" in error["message"]
    assert error["fix"]
    assert (folder / "mine").read_text() == "kept"


# ---------------------------------------------------------------------- which chain


READING = [("round", "list"), ("models", "list"), ("stake", "show", "0")]


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_reading__nothing_listens__code_4(assay, dead_rpc, command):
    error = assay(*command, "--rpc", dead_rpc, "--pool", POOL, "--json").error()
    assert (error["code"], error["exit"]) == ("unreachable", Exit.UNREACHABLE)
    assert dead_rpc in error["message"]
    assert error["fix"]


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_reading__wrong_scheme__code_3_naming_the_right_one(assay, command):
    ran = assay(*command, "--rpc", "ws://127.0.0.1:1", "--pool", POOL)
    assert ran.code == Exit.INPUT
    assert "not of the form http://host:port" in ran.err


def test_reading__address_holds_a_secret__it_is_not_shown(assay, dead_rpc):
    secret = dead_rpc.replace("http://", "http://user:hunter2@") + "/v2/s3cr3t"
    ran = assay("round", "list", "--rpc", secret, "--pool", POOL)
    assert ran.code == Exit.UNREACHABLE
    assert "hunter2" not in ran.err
    assert "s3cr3t" not in ran.err


def test_reading__no_tournament_named__code_3_with_what_to_do(assay):
    error = assay("round", "list", "--json").error()
    assert error["exit"] == Exit.INPUT
    assert "assay devnet up" in error["fix"]


@pytest.mark.parametrize("given", [("--rpc", "http://127.0.0.1:1"), ("--pool", POOL)])
def test_reading__half_of_a_tournament__code_3(assay, given):
    ran = assay("round", "list", *given)
    assert ran.code == Exit.INPUT
    assert "--rpc and --pool belong together" in ran.err


def test_reading__pool_is_no_address__code_3(assay, dead_rpc):
    ran = assay("round", "list", "--rpc", dead_rpc, "--pool", "0x12")
    assert ran.code == Exit.INPUT
    assert "'0x12' is not an address" in ran.err


def test_reading__tournament_from_the_environment__is_used(assay, dead_rpc, monkeypatch):
    monkeypatch.setenv("ASSAY_RPC", dead_rpc)
    monkeypatch.setenv("ASSAY_POOL", POOL)
    ran = assay("round", "list")
    assert ran.code == Exit.UNREACHABLE
    assert dead_rpc in ran.err


@pytest.mark.parametrize("command", [("status",), ("down",), ("advance", "5")], ids=" ".join)
def test_devnet__none_here__code_3_with_how_to_start_one(assay, tmp_path, command):
    error = assay("devnet", *command, "--json").error()
    assert error["exit"] == Exit.INPUT
    assert error["fix"] == "start one: assay devnet up"
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------- verify


@pytest.mark.parametrize("manifest", [None, b"", b"{}", b"\xff\x00", b"[" * 5000])
def test_verify__broken_folder__code_5_naming_the_manifest(assay, tmp_path, dead_rpc, manifest):
    folder = tmp_path / "round 1"
    folder.mkdir()
    if manifest is not None:
        (folder / "manifest.json").write_bytes(manifest)
    error = assay("verify", folder, "--rpc", dead_rpc, "--json").error()
    assert (error["code"], error["exit"]) == ("different", Exit.DIFFERENT)
    assert "manifest.json" in error["message"]


# ---------------------------------------------------------------------- the last boundary


def _fails(error: BaseException) -> click.Command:
    @click.command("fails")
    @click.option("--json", "as_json", is_flag=True)
    def command(as_json: bool) -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (RuntimeError("boom"), Exit.BUG, "internal error: RuntimeError: boom"),
        (KeyboardInterrupt(), Exit.INTERRUPTED, "interrupted"),
    ],
)
def test_main__unforeseen_end__one_sentence_and_its_code(assay, monkeypatch, error, code, said):
    monkeypatch.setattr(oracle.cli._Tree, "get_command", lambda *_: _fails(error))
    ran = assay("score")
    assert ran.code == code
    assert f"error: {said}" in ran.err
    assert assay("score", "--json").error()["message"] == said


# ---------------------------------------------------------------------- as a process


def test_process__version():
    assert in_a_process("--version") == Ran(0, f"assay, version {oracle.__version__}\n", "")


def test_process__unknown_command_as_json__one_object_and_code_2():
    assert in_a_process("bogus", "--json").error()["exit"] == Exit.USAGE


def test_process__ascii_terminal_and_folder_with_a_space__still_prints(tmp_path):
    folder = tmp_path / "a b"
    folder.mkdir()
    (folder / "p.csv").write_text(PREDICTIONS)
    (folder / "t.csv").write_text(TARGETS)
    arguments = ("score", folder / "p.csv", "--targets", folder / "t.csv")
    ran = in_a_process(*arguments, PYTHONIOENCODING="ascii", LC_ALL="C", PYTHONUTF8="0")
    assert (ran.code, ran.err) == (0, "")
    assert "corr" in ran.out


def test_process__reader_of_the_output_goes_away__ends_quietly():
    command = f"{shlex.quote(sys.executable)} -m oracle --help | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60)
    assert done.stderr == b""

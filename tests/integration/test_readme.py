"""Every command that the README tells a stranger to type is typed here, on the example files of docs/files.md."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.warm_vigie import Done, WarmVigie

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PATIENCE_SECONDS = 240
SERVING = ("vigie console", "vigie work")
COLD = ("vigie init", "vigie run", "vigie user")  # the first, the one that starts others, the one that asks
EXAMPLES = {"posts.jsonl": "json", "customers.csv": "csv", "orders.csv": "csv", "interactions.csv": "csv"}


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


COMMANDS = [line for block in blocks(README, "sh") for line in block.splitlines() if line.strip()]
VIGIE = [command for command in COMMANDS if command.startswith("vigie ")]
ONCE = [command for command in VIGIE if not command.startswith(SERVING)]


@pytest.fixture(scope="module")
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def environment(port: int) -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "VIGIE_CONSOLE__PORT": str(port)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder with the example files in it."""
    home = tmp_path_factory.mktemp("brand")
    page = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    examples = {"json": iter(blocks(page, "json")), "csv": iter(blocks(page, "csv"))}
    for name, language in EXAMPLES.items():
        (home / name).write_text(next(examples[language]), encoding="utf-8")
    return home


@pytest.fixture(scope="module")
def typed(folder: Path, environment: dict[str, str], vigie: WarmVigie, port: int) -> dict[str, Done]:
    """All commands that end by themselves, in their order."""
    return {
        command: _type(command, folder, environment)
        if command.startswith(COLD)
        else vigie(folder, *shlex.split(command)[1:], VIGIE_CONSOLE__PORT=str(port))
        for command in ONCE
    }


def _type(command: str, folder: Path, environment: dict[str, str]) -> Done:
    words = shlex.split(command)
    password = "correct horse battery staple" if words[:3] == ["vigie", "user", "add"] else None
    if password:
        words.append("--password-stdin")  # a person is asked instead
    ran = subprocess.run(
        words,
        cwd=folder,
        env=environment,
        input=password,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return Done(ran.returncode, ran.stdout, ran.stderr)


def test_the_readme_has_commands_and_all_are_known_to_this_test() -> None:
    assert VIGIE
    assert [command for command in COMMANDS if not command.startswith(("vigie ", "make "))] == []


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("make ")])
def test_make_knows_the_target(command: str) -> None:
    dry = subprocess.run([*shlex.split(command), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert dry.returncode == 0, dry.stderr


@pytest.mark.parametrize("command", ONCE)
def test_the_command_does_what_it_says(command: str, typed: dict[str, Done]) -> None:
    assert typed[command].code == 0, typed[command].err


@pytest.mark.usefixtures("typed")
def test_the_examples_of_the_documentation_go_in_whole(folder: Path) -> None:
    assert list(folder.glob("*.rejected.jsonl")) == []


@pytest.mark.usefixtures("typed")
def test_settings_and_database_lie_in_the_folder(folder: Path) -> None:
    assert (folder / "vigie.toml").exists()
    assert (folder / ".vigie" / "vigie.db").exists()


@pytest.fixture
def console(folder: Path, environment: dict[str, str], typed: object) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["vigie", "console"], cwd=folder, env=environment, stderr=subprocess.PIPE) as process:
        yield process
        process.kill()


@pytest.mark.skipif("vigie console" not in VIGIE, reason="the README does not name it")
def test_the_console_answers_and_ends_when_interrupted(console: subprocess.Popen[bytes], port: int) -> None:
    assert _answers(f"http://127.0.0.1:{port}/healthz", console)
    console.send_signal(signal.SIGINT)
    assert console.wait(timeout=30) in (0, 130)


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            time.sleep(0.1)
    return False


def test_its_settings_are_settings(tmp_path: Path) -> None:
    from config.load import load_settings

    for number, block in enumerate(blocks(README, "toml")):
        file = tmp_path / f"{number}.toml"
        file.write_text(block, encoding="utf-8")
        load_settings(file)

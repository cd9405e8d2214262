"""`vigie user`: making, listing and shutting out users from the command line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.users import commands
from domain.errors import BadInput

runner = CliRunner()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "vigie.toml"
    file.write_text('[brand]\nid = "hirondelle"\nname = "Hirondelle"\n', encoding="utf-8")
    monkeypatch.setenv("VIGIE_CONFIG", str(file))  # the command sets it itself: let the test take it back
    return str(file)


def test_a_user_is_added_listed_and_disabled(settings: str) -> None:
    words = ["add", "Lea@Example.org", "--role", "admin", "--password-stdin", "--config", settings]
    assert runner.invoke(commands, words, input="une longue phrase\n", catch_exceptions=False).exit_code == 0
    listed = runner.invoke(commands, ["list", "--json", "--config", settings], catch_exceptions=False)
    (user,) = json.loads(listed.stdout)
    assert (user["email"], user["rights"]) == ("lea@example.org", {"hirondelle": "admin"})
    assert "phrase" not in listed.output
    runner.invoke(commands, ["disable", "lea@example.org", "--config", settings], catch_exceptions=False)
    listed = runner.invoke(commands, ["list", "--json", "--config", settings], catch_exceptions=False)
    assert json.loads(listed.stdout)[0]["disabled_at"]


@pytest.mark.parametrize(
    "words",
    [
        ["add", "lea@example.org", "--password-stdin", "--role", "king"],
        ["add", "no address", "--password-stdin"],
        ["add", "lea@example.org", "--password-stdin", "--brand", "other"],
        ["add", "lea@example.org"],
        ["disable", "nobody@example.org"],
        ["away", "nobody@example.org", "--from", "2026-11-16", "--until", "2026-11-16"],
        ["back", "nobody@example.org"],
    ],
)
def test_what_is_wrong_is_said(settings: str, words: list[str]) -> None:
    with pytest.raises(BadInput):
        runner.invoke(commands, [*words, "--config", settings], input="une longue phrase\n", catch_exceptions=False)


def test_no_password_is_no_user(settings: str) -> None:
    words = ["add", "lea@example.org", "--password-stdin", "--config", settings]
    with pytest.raises(BadInput):
        runner.invoke(commands, words, input="", catch_exceptions=False)


def test_an_absence_is_noted_and_ended(settings: str) -> None:
    add = ["add", "lea@example.org", "--password-stdin", "--config", settings]
    runner.invoke(commands, add, input="une longue phrase\n", catch_exceptions=False)
    words = ["away", "lea@example.org", "--from", "2030-01-02", "--until", "2030-01-09", "--config", settings]
    assert "2030-01-02 to 2030-01-09" in runner.invoke(commands, words, catch_exceptions=False).stderr
    words = ["back", "lea@example.org", "--from", "2030-01-05", "--config", settings]
    assert "1 absences changed" in runner.invoke(commands, words, catch_exceptions=False).stderr

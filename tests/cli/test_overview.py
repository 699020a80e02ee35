"""The overview names every command once, and every example can be typed."""

from __future__ import annotations

import shlex
from importlib import import_module

import pytest

from kaggle_face.cli.arguments import CommandParser
from kaggle_face.cli.main import COMMANDS, main
from kaggle_face.cli.overview import EXAMPLES, GROUPS


def test_every_command_is_in_one_group() -> None:
    grouped = [name for names in GROUPS.values() for name in names]
    assert sorted(grouped) == sorted(set(grouped)) == sorted(COMMANDS)


def test_the_overview_has_the_groups_in_the_order_of_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:-1] for line in lines if line[:-1] in GROUPS and line.endswith(":")] == list(GROUPS)
    assert "Most people need five commands: download, init, train, ensemble, submit." in lines
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_of_a_command_can_be_typed(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "102")
    module = import_module(f"kaggle_face.cli.{COMMANDS[command][0]}")
    for words in EXAMPLES[command]:
        parser = CommandParser(prog=command)
        getattr(module, f"add_arguments_{command.replace('-', '_')}")(parser)
        arguments = parser.parse(shlex.split(words))
        if command not in ("evaluate", "import-predictions", "report"):  # which take names of runs there
            assert all("=" in word for word in getattr(arguments, "overrides", ()))
    with pytest.raises(SystemExit):
        main([command, "--help"])
    help_text = capsys.readouterr().out
    expected = [f"  kaggle-face {command} {words}".rstrip() for words in EXAMPLES[command]]
    assert help_text.splitlines()[-3:] == ["examples:", *expected] and expected[0] != expected[1]
    assert max(map(len, help_text.splitlines())) <= 100

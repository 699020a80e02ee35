"""Command lines of messages, word by word."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys

import pytest

from kaggle_face.errors import one_line
from kaggle_face.hints import command_line, settings_command, settings_given_as


@pytest.mark.parametrize("word", ["a b", "it's", "$HOME", "{channels: [8, 8]}", "*", "ä", "a\\b", ""])
def test_a_shell_reads_every_word_as_it_is(word: str) -> None:
    assert shlex.split(command_line("enroll", word)) == ["kaggle-face", "enroll", word]


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize("word", ["a\x1b[2J\r\n\t'\\b", "\u202egpj.ä", "\x80\x9b", "c\udcff\udc801"])
def test_a_word_that_no_line_may_show_is_typed_in_escapes(word: str) -> None:
    line = command_line("enroll", word)
    assert one_line(line) == line
    program = f"{sys.executable} -c 'import os, sys; sys.stdout.buffer.write(os.fsencode(sys.argv[2]))'"
    typed = line.replace("kaggle-face", program, 1)
    done = subprocess.run(["bash", "-c", typed], capture_output=True, check=True)
    assert done.stdout == os.fsencode(word)


def test_the_settings_of_a_call_are_repeated_while_it_lasts() -> None:
    assert settings_command("check") == "kaggle-face check"
    with settings_given_as("my settings/faces.yaml", ["paths.runs=r"]):
        assert settings_command("check") == "kaggle-face check -c 'my settings/faces.yaml' paths.runs=r"
        with settings_given_as("demo"):
            assert settings_command("check") == "kaggle-face check -c demo"
        assert settings_command("check", settings="faces").startswith("kaggle-face check -c 'my settings/")
    assert settings_command("check", settings="faces") == "kaggle-face check -c faces"


def test_other_settings_are_named_as_they_were_when_that_is_known() -> None:
    with settings_given_as("demo"):
        assert settings_command("check", settings="faces", word="f/faces.yaml").endswith("-c f/faces.yaml")
        assert settings_command("check", settings="demo", word="old/demo.yaml").endswith("-c demo")


def test_overrides_stand_once_and_some_are_left_out() -> None:
    with settings_given_as("demo", ["seed=1", "train.max_hours=2"]):
        command = settings_command("train", overrides=["optim.lr=1", "seed=1"], without="train.max_hours")
    assert command == "kaggle-face train -c demo optim.lr=1 seed=1"

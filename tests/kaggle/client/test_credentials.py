"""Which credentials are found and used, and that none of them is ever shown."""

from __future__ import annotations

import json
import os
import traceback
from pathlib import Path

import pytest

from kaggle_face.cli.main import main
from kaggle_face.errors import RemoteError
from kaggle_face.kaggle.client.client import connect
from kaggle_face.kaggle.client.clock import SystemClock
from kaggle_face.progress import SilentProgress
from tests.support.kaggle_server import KEY, SLUG, TOKEN, USER, Fault, KaggleServer

WRONG = "KGAT-wrong-but-secret-token-987654"


def write_key(name: str = USER, key: str = KEY, mode: int = 0o600) -> Path:
    path = Path.home() / ".kaggle" / "kaggle.json"
    path.write_text(json.dumps({"username": name, "key": key}))
    path.chmod(mode)
    return path


def test_the_token_of_the_environment_is_named_and_works(kaggle, clock, capsys):
    assert main(["auth"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "access token from the environment variable KAGGLE_API_TOKEN: used",
        "they work: logged in as alice",
    ]


def test_offline_the_credentials_are_named_alone(kaggle, clock, capsys):
    assert main(["auth", "--offline"]) == 0
    expected = "access token from the environment variable KAGGLE_API_TOKEN: used\n"
    assert capsys.readouterr().out == expected and kaggle.requests == []


def test_a_token_file_is_used_where_the_environment_has_none(kaggle, clock, monkeypatch, capsys):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    path = Path.home() / ".kaggle" / "access_token"
    path.write_text(TOKEN)
    path.chmod(0o600)
    assert main(["auth"]) == 0
    assert f"access token from {path}: used" in capsys.readouterr().out


def test_the_older_key_is_used_last_and_the_order_is_told(kaggle, clock, capsys):
    path = write_key()
    assert main(["auth"]) == 0
    assert f"API key from {path}: not used, for the first one found counts" in capsys.readouterr().out


def test_the_older_key_works_alone(kaggle, clock, monkeypatch, capsys):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    monkeypatch.setenv("KAGGLE_USERNAME", USER)
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    assert main(["auth"]) == 0
    out = capsys.readouterr().out
    assert "API key from the environment variables KAGGLE_USERNAME and KAGGLE_KEY: used" in out
    assert "logged in as alice" in out


def test_a_key_that_others_can_read_is_warned_of(kaggle, clock, capsys):
    path = write_key(mode=0o644)
    assert main(["auth"]) == 0
    assert f"forbid it with: chmod 600 {path}" in capsys.readouterr().err


def test_without_credentials_it_is_told_how_to_get_some(kaggle, clock, monkeypatch, capsys):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    assert main(["auth"]) == 2
    output = capsys.readouterr()
    assert "there are no Kaggle credentials; make a token at https://www.kaggle.com/settings" in output.err
    assert output.out == ""
    assert main(["leaderboard"]) == 2
    output = capsys.readouterr()
    assert "cannot log in: there are no Kaggle credentials" in output.err
    assert output.out == "", "the client's own help is not shown"


def test_a_token_that_is_not_accepted_is_told_by_its_place(kaggle, clock, monkeypatch, capsys):
    monkeypatch.setenv("KAGGLE_API_TOKEN", WRONG)
    assert main(["auth"]) == 2
    output = capsys.readouterr()
    message = "Kaggle does not accept the access token from the environment variable KAGGLE_API_TOKEN"
    assert message in output.err
    assert WRONG not in output.err + output.out


def test_a_key_that_is_not_accepted_is_a_401_in_kaggles_words(kaggle, clock, monkeypatch, capsys):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    write_key(key="wrong-key-that-is-secret-too")
    assert main(["auth"]) == 2
    output = capsys.readouterr()
    assert "Kaggle says 'Unauthenticated'; the credentials are not accepted" in output.err
    assert "wrong-key-that-is-secret-too" not in output.err + output.out


def test_logging_in_waits_for_a_busy_server(kaggle, clock):
    kaggle.fail("IntrospectToken", Fault(429, "busy", {"Retry-After": "9"}), Fault(500, "oops"))
    assert main(["auth"]) == 0
    assert clock.slept == [9.0, 2.0]


def failing_scenarios(kaggle: KaggleServer) -> None:
    """Failures whose exceptions, in the client, hold the request with its credentials."""
    echo = f"token {TOKEN} is not welcome, nor is key {KEY}"
    kaggle.fail("ListSubmissions", Fault(403, echo))
    kaggle.fail("GetLeaderboard", Fault(400, echo))
    kaggle.fail("GetSubmissionLimits", *[Fault(cut=True)] * 9)
    kaggle.fail("ListDataFiles", Fault(418, echo))


def test_no_exception_holds_a_credential(kaggle, clock, monkeypatch):
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    client = connect(SystemClock(), SilentProgress())
    failing_scenarios(kaggle)
    calls = [client.submissions, client.leaderboard, client.limits, client.files]
    for call in calls:
        with pytest.raises(RemoteError) as caught:
            call(SLUG)
        error = caught.value
        assert error.__cause__ is None and error.__context__ is None
        report = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
        assert_clean(report + repr(error) + str(vars(error)))


def test_no_output_and_no_file_holds_a_credential(kaggle, clock, monkeypatch, capfd):
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    write_key(mode=0o644)
    Path("mine.csv").write_text("ID,Label\n0,1\n1,0\n")
    failing_scenarios(kaggle)
    kaggle.cut_uploads_after.extend([5] * 200)
    submit = ["submit", "--file", "mine.csv", "--task", "verification"]
    for words in (["auth"], submit, submit, ["leaderboard"], ["submissions"], ["download"]):
        main(words)
    kaggle.cut_uploads_after.clear()
    assert main(submit) == 0
    output = capfd.readouterr()
    assert_clean(output.out + output.err)
    for path in Path.cwd().rglob("*"):
        if path.is_file():
            assert_clean(path.read_bytes().decode("latin-1"))


def test_a_talkative_client_tells_no_credential(kaggle, run_alone, monkeypatch):
    # with VERBOSE the official client prints every request with its headers
    monkeypatch.setenv("VERBOSE", "1")
    Path("mine.csv").write_text("ID,Label\n0,1\n1,0\n")
    words = ["submit", "--file", "mine.csv", "--task", "verification", "submit.wait_minutes=0"]
    process = run_alone(*words)
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert_clean(output + errors)
    assert "Authorization" not in output + errors


def test_a_token_that_is_a_file_is_not_read_aloud(kaggle, clock, tmp_path, monkeypatch, capsys):
    secret = tmp_path / "token.txt"
    secret.write_text(TOKEN)
    monkeypatch.setenv("KAGGLE_API_TOKEN", str(secret))
    assert main(["auth"]) == 0
    output = capsys.readouterr()
    assert "access token from the file that KAGGLE_API_TOKEN names: used" in output.out
    assert_clean(output.out + output.err)


def assert_clean(text: str) -> None:
    for secret in (TOKEN, KEY, WRONG, "upload-1-secret", "upload-2-secret", "signed-secret"):
        assert secret not in text, f"a secret stands in: {text[max(0, text.index(secret) - 200) :][:400]}"


def test_the_config_folder_is_the_clients_own(kaggle, monkeypatch, tmp_path):
    from kaggle_face.kaggle.client.credentials import config_folder

    assert config_folder() == Path.home() / ".kaggle"
    (Path.home() / ".kaggle").rmdir()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert config_folder() == tmp_path / "xdg" / "kaggle"
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", os.fspath(tmp_path / "other"))
    assert config_folder() == tmp_path / "other"


BROKEN = {
    "is empty": b"",
    "is not JSON (Expecting property name enclosed in double quotes, line 1)": b"{username: alice}",
    "begins with a byte-order mark; save it as UTF-8 without one": b"\xef\xbb\xbf{}",
    "is not UTF-8 text": b'{"username": "\xff"}',
    "is not a JSON object but list": b'["alice", "key"]',
    "is not a JSON object but NoneType": b"null",
    "has no 'key'": b'{"username": "alice"}',
    "has a 'key' that is not a text but int": b'{"username": "alice", "key": 12345}',
    "has a 'username' that is not a text but dict": b'{"username": {"a": 1}, "key": "k"}',
    "is not JSON of user name and key": b"[" * 100_000,
    "has more than 100000 bytes": b'{"username": "alice", "key": "' + b"k" * 100_000 + b'"}',
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_key_file_is_told_as_broken(kaggle, clock, monkeypatch, capsys, fault):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    path = Path.home() / ".kaggle" / "kaggle.json"
    path.write_bytes(BROKEN[fault])
    for command in (["auth"], ["leaderboard"], ["submit", "--wait"]):
        assert main(command) == 2
        message = capsys.readouterr().err
        assert f"{path} is broken: it {fault}; make a token at" in message
        assert len(message.splitlines()) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", ["access_token", "credentials.json", "kaggle.json"])
def test_what_is_not_a_file_is_told_as_broken(kaggle, clock, monkeypatch, capsys, name):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    path = Path.home() / ".kaggle" / name
    os.mkfifo(path)
    assert main(["auth"]) == 2
    assert f"{path} is broken: it is not a file" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_told_as_broken(kaggle, clock, monkeypatch, capsys):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    path = write_key()
    opened = Path.open

    def refuse(self: Path, *words, **options):
        if self == path:
            raise PermissionError(13, "Permission denied")
        return opened(self, *words, **options)

    monkeypatch.setattr(Path, "open", refuse)
    assert main(["auth"]) == 2
    assert f"{path} is broken: it cannot be read (Permission denied)" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"[1]", b"{", b'{"username": 5, "key": []}'])
def test_a_broken_key_file_beside_a_good_token_is_told_and_does_no_harm(kaggle, clock, capsys, content):
    path = Path.home() / ".kaggle" / "kaggle.json"
    path.write_bytes(content)
    assert main(["auth"]) == 0
    assert f"{path} is broken: it" in capsys.readouterr().err


@pytest.mark.parametrize("token", ["two\nlines-of-a-token", "caf\u00e9-token-9"])
def test_a_token_that_no_request_can_carry_is_told_and_not_shown(kaggle, clock, monkeypatch, capsys, token):
    monkeypatch.setenv("KAGGLE_API_TOKEN", token)
    assert main(["leaderboard"]) == 2
    message = capsys.readouterr().err
    assert "cannot log in: " in message
    assert "lines-of" not in message and "token-9" not in message
    path = Path.home() / ".kaggle" / "access_token"
    path.write_text(token)
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    assert main(["leaderboard"]) == 2
    assert f"{path} is broken: it holds characters that no token has" in capsys.readouterr().err

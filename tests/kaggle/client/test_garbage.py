"""Answers of a server that hold anything: one line each, never a traceback, never a wrong list."""

from __future__ import annotations

import copy
import gzip
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from requests.exceptions import InvalidHeader

from kaggle_face.cli.main import main
from kaggle_face.errors import RemoteError
from kaggle_face.kaggle.client.answers import Accepted
from kaggle_face.kaggle.client.client import KaggleClient, connect
from kaggle_face.kaggle.client.clock import SystemClock
from kaggle_face.kaggle.client.failures import Failure
from kaggle_face.kaggle.client.retry import CallContext, attempt
from kaggle_face.kaggle.remote.kaggle_notebooks import KaggleNotebooks
from kaggle_face.progress import SilentProgress
from tests.support.kaggle_server import READ_ANSWERS, SLUG, Garbage, KaggleServer

NOTEBOOK = "alice/faces"
RIGHT: dict[str, dict[str, Any]] = {
    **READ_ANSWERS,
    "ListCompetitions": {"competitions": [{"ref": f"https://www.kaggle.com/competitions/{SLUG}"}]},
    "DownloadDataFiles": {"url": "https://nowhere.invalid"},
    "StartSubmissionUpload": {"token": "upload-1-secret", "createUrl": "http://127.0.0.1:1/upload"},
    "CreateSubmission": {"message": "Successfully submitted", "ref": 5000},
    "StartBlobUpload": {"token": "blob-1-secret", "createUrl": "http://127.0.0.1:1/upload"},
    "GetDatasetStatus": {"status": "READY"},
    "CreateDatasetVersion": {"status": "ok", "ref": NOTEBOOK, "url": "https://www.kaggle.com", "error": ""},
    "SaveKernel": {
        "ref": "/code/alice/faces", "url": "https://www.kaggle.com/code/alice/faces", "versionNumber": 1,
        "error": "", "invalidDatasetSources": [], "invalidCompetitionSources": [],
    },
    "ListKernelSessionOutput": {
        "files": [{"fileName": "other.txt", "url": "http://127.0.0.1:1/file"}], "log": "",
        "nextPageToken": "",
    },
}  # fmt: skip
GARBAGE = {
    "null": Garbage(b"null"),
    "a number": Garbage(b"5"),
    "a text": Garbage(b'"submitted"'),
    "a list": Garbage(b"[1, 2]"),
    "nothing": Garbage(b""),
    "half an object": Garbage(b'{"submissions": [{"ref": 5'),
    "deep lists": Garbage(b"[" * 100_000),
    "deep objects": Garbage(b'{"submissions":' * 5000 + b"1" + b"}" * 5000),
    "a page": Garbage(b"<html><title>Welcome to the hotel</title></html>", "text/html"),
    "a page that says JSON": Garbage(b"<html><title>Welcome to the hotel</title></html>"),
    "no UTF-8": Garbage(b'{"message": "\xff\xfe"}'),
    "a long number": Garbage(b'{"ref": ' + b"9" * 5000 + b"}"),
    "a code that is a text": Garbage(b'{"code": "E1", "message": "no"}'),
    "a code that is no status": Garbage(b'{"code": 999999, "message": "no"}'),
    "an error with status 200": Garbage(b'{"code": 418, "message": {"deep": [1]}}'),
    "an error that says null": Garbage(b"null", status=400),
    "an error with a list of a code": Garbage(b'{"code": [500], "message": 7}', status=418),
    "a redirection to nowhere": Garbage(b"", status=302),
    "nothing new": Garbage(b"{}", status=304),
    "no gzip": Garbage(b"plain", headers={"Content-Encoding": "gzip"}),
    "a wrong encoding": Garbage(json.dumps({"a": "é"}).encode("utf-16"), "text/plain; charset=ascii"),
}


@pytest.fixture
def client(kaggle: KaggleServer, clock: object, monkeypatch: pytest.MonkeyPatch) -> KaggleClient:
    monkeypatch.setattr("kaggle_face.kaggle.remote.kaggle_notebooks._LONGEST_WAIT_SECONDS", 30.0)
    return connect(SystemClock(), SilentProgress(), 5.0)


@pytest.fixture
def calls(client: KaggleClient, tmp_path: Path) -> dict[str, Callable[[], object]]:
    """What reaches each method of the server."""
    mine = tmp_path / "mine.csv"
    mine.write_text("ID,Label\n0,1\n")
    notebooks = KaggleNotebooks(client, SystemClock())
    dataset, notebook = tmp_path / "dataset", tmp_path / "notebook"
    dataset.mkdir()
    (dataset / "weights.bin").write_bytes(b"weights")
    metadata = {"id": NOTEBOOK, "title": "faces of alice", "licenses": [{"name": "CC0-1.0"}]}
    (dataset / "dataset-metadata.json").write_text(json.dumps(metadata))
    notebook.mkdir()
    (notebook / "faces.py").write_text("print(1)")
    kernel = {"id": NOTEBOOK, "title": "faces", "code_file": "faces.py", "language": "python"}
    (notebook / "kernel-metadata.json").write_text(json.dumps({**kernel, "kernel_type": "script"}))

    def submit() -> Accepted:
        answer = client.submit(mine, "first", SLUG)
        if isinstance(answer, Failure):
            raise client.explained(answer, "submit", SLUG)
        return answer

    send = lambda: notebooks.send_dataset(dataset, "note")  # noqa: E731
    return {
        "ListCompetitions": client.check_login,
        "GetCompetition": lambda: client.competition(SLUG),
        "ListDataFiles": lambda: client.files(SLUG),
        "DownloadDataFiles": lambda: client.download(SLUG, tmp_path / "download"),
        "GetSubmissionLimits": lambda: client.limits(SLUG),
        "StartSubmissionUpload": submit,
        "CreateSubmission": submit,
        "ListSubmissions": lambda: client.submissions(SLUG),
        "GetLeaderboard": lambda: client.leaderboard(SLUG),
        "StartBlobUpload": send,
        "GetDatasetStatus": send,
        "CreateDatasetVersion": send,
        "SaveKernel": lambda: notebooks.push_notebook(notebook),
        "GetKernelSessionStatus": lambda: notebooks.notebook_status(NOTEBOOK),
        "ListKernelSessionOutput": lambda: notebooks.fetch_output(NOTEBOOK, tmp_path / "output"),
        "GetAcceleratorQuotaStatistics": notebooks.gpu_quota,
    }


def prepare(kaggle: KaggleServer) -> None:
    """Lets every call reach its method: the other methods answer as they should."""
    kaggle.datasets[NOTEBOOK] = {"private": True, "versions": [], "states": ["READY"]}


def one_line(error: RemoteError) -> str:
    text = str(error)
    assert "\n" not in text and "\r" not in text
    assert len(text) < 700
    assert "-secret" not in text
    return text


@pytest.mark.parametrize("method", RIGHT)
def test_what_is_no_answer_is_told_in_one_line_with_what_kaggle_said(kaggle, client, calls, method):
    prepare(kaggle)
    for kind, garbage in GARBAGE.items():
        if method == "DownloadDataFiles" and garbage.content_type.startswith("text/plain"):
            continue  # may be a file of the competition
        kaggle.garbage = {method: garbage}
        with pytest.raises(RemoteError) as caught:
            calls[method]()
        told = one_line(caught.value)
        if kind == "a page":
            assert "answer is not understood" in told and "Welcome to the hotel" in told


def wrong_values(right: Any) -> Iterator[Any]:
    for value in (None, 5, -1, 1.5, True, "text", [], {}, [[None]], {"a": {"b": 1}}, float("nan"), 10**30):
        if value != right:
            yield value
    yield "\ud800\x00\x1b[2J\n"


def mutations(value: Any) -> Iterator[Any]:
    """A JSON value with one of its parts replaced by something else, or left out."""
    yield from wrong_values(value)
    if isinstance(value, dict):
        for key in value:
            for changed in mutations(value[key]):
                yield {**value, key: changed}
            yield {name: part for name, part in value.items() if name != key}
    elif isinstance(value, list):
        for position in range(len(value)):
            for changed in mutations(value[position]):
                mutant = copy.copy(value)
                mutant[position] = changed
                yield mutant


def refusals(kaggle: KaggleServer, method: str, mutants: list[Any], call: Callable[[], object]) -> int:
    """How many of the answers are refused, each with one line."""
    refused = 0
    for mutant in mutants:
        kaggle.garbage = {method: Garbage(json.dumps(mutant).encode())}
        try:
            call()
        except RemoteError as error:
            one_line(error)
            refused += 1
    return refused


@pytest.mark.parametrize("method", RIGHT)
def test_a_wrong_part_is_refused_or_does_no_harm(kaggle, client, calls, method):
    prepare(kaggle)
    mutants = random.Random(method).sample(list(mutations(RIGHT[method])), 6)
    assert refusals(kaggle, method, mutants, calls[method]) >= 1


@pytest.mark.fuzz
@pytest.mark.parametrize("method", RIGHT)
def test_every_wrong_part_is_refused_or_does_no_harm(kaggle, client, calls, method):
    prepare(kaggle)
    mutants = list(mutations(RIGHT[method]))
    assert len(mutants) >= 25
    assert refusals(kaggle, method, mutants, calls[method]) >= 10


@pytest.mark.parametrize(
    "listed",
    [{"submissions": {}}, {"submissions": ""}, {"message": "later"}, {"submissions": [{"ref": 1.5}]},
     {"submissions": [{"ref": 7, "status": "DONE"}]}, {"submissions": [{"status": "COMPLETE"}]}],
)  # fmt: skip
def test_a_list_that_is_none_is_not_taken_for_an_empty_one(kaggle, client, listed):
    kaggle.garbage["ListSubmissions"] = Garbage(json.dumps(listed).encode())
    with pytest.raises(RemoteError, match=r"cannot list the submissions.*answer is not understood"):
        client.submissions(SLUG)


def test_a_list_that_never_ends_is_given_up(kaggle, client, monkeypatch):
    monkeypatch.setattr("kaggle_face.kaggle.client.client._MOST_SUBMISSION_PAGES", 5)
    submission = RIGHT["ListSubmissions"]["submissions"][0]
    counter = iter(range(1, 10**9))

    def endless(body: dict[str, Any]) -> dict[str, Any]:
        return {"submissions": [{**submission, "ref": next(counter)} for _ in range(100)]}

    kaggle.list_submissions = endless
    with pytest.raises(RemoteError, match="Kaggle lists more than 500"):
        client.submissions(SLUG)


def test_an_answer_that_is_far_too_large_is_not_read(kaggle, client, monkeypatch):
    monkeypatch.setattr("kaggle_face.kaggle.client.transport._MOST_BYTES", 2**20)
    bomb = gzip.compress(b'{"title": "' + b"a" * 2**24 + b'"}')
    kaggle.garbage["GetCompetition"] = Garbage(bomb, headers={"Content-Encoding": "gzip"})
    with pytest.raises(RemoteError, match="it is larger than 1 MiB"):
        client.competition(SLUG)


def test_what_kaggle_said_is_shown_short_and_without_what_opens_an_upload(kaggle, client, calls):
    answer = {"token": "upload-1-secret", "createUrl": 5, "more": "x" * 5000}
    kaggle.garbage["StartSubmissionUpload"] = Garbage(json.dumps(answer).encode())
    with pytest.raises(RemoteError) as caught:
        calls["StartSubmissionUpload"]()
    told = one_line(caught.value)
    assert '"token": "***", "createUrl": 5' in told and told.endswith("...'; try again later")


@pytest.mark.parametrize(
    "garbage",
    [
        GARBAGE["no gzip"],
        Garbage(b"", status=204),
        Garbage(b"", status=302, headers={"Location": "http://["}),
    ],
    ids=["no gzip", "no content", "a redirection to no address"],
)
def test_an_upload_whose_answer_cannot_be_read_may_have_arrived(kaggle, client, garbage):
    Path("mine.csv").write_text("ID,Label\n0,0.75\n1,-0.25\n")
    kaggle.garbage["CreateSubmission"] = garbage
    failure = client.submit(Path("mine.csv"), "mine", SLUG)
    assert isinstance(failure, Failure) and failure.leaves_open
    assert failure.method == "CreateSubmission"


def test_lengths_that_contradict_each_other_accuse_no_credentials():
    def fail() -> None:
        raise InvalidHeader("Content-Length contained multiple unmatching values (2, 3)")

    failure = attempt(fail, CallContext(SystemClock()))
    assert isinstance(failure, Failure) and failure.leaves_open
    assert "unmatching values (2, 3)" in failure.words and "credentials" not in failure.words


@pytest.mark.parametrize("wait", ["nan", "inf", "1e999", "-5", "soon", "Sun, 99 Nov 2026", "9" * 400])
def test_a_wait_that_is_none_is_no_wait(kaggle, client, clock, wait):
    kaggle.garbage["GetCompetition"] = Garbage(b"{}", status=429, headers={"Retry-After": wait})
    with pytest.raises(RemoteError, match="it asks to wait") as caught:
        client.competition(SLUG)
    assert sum(clock.slept) < 900 and "inf s" not in str(caught.value)


@pytest.mark.parametrize("command", [["auth"], ["leaderboard"], ["download"], ["submissions"]])
@pytest.mark.parametrize("content", [b"null", b'{"submissions": 3, "files": 4}'])
def test_commands_end_with_one_line(kaggle, clock, capsys, command, content):
    for method in RIGHT:
        kaggle.garbage[method] = Garbage(content)
    assert main(command) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


@pytest.mark.parametrize("content", [b"null", b"5", b"{", b'{"active": true, "username": 5}', b"<html>"])
def test_a_login_that_is_not_understood_is_told(kaggle, clock, capsys, content):
    kaggle.garbage["IntrospectToken"] = Garbage(content)
    assert main(["leaderboard"]) == 2
    assert "cannot log in: Kaggle's answer is not understood" in capsys.readouterr().err


def test_what_arrived_although_the_answer_was_garbage_is_not_uploaded_again(kaggle, clock, capsys):
    Path("mine.csv").write_text("ID,Label\n0,0.75\n1,-0.25\n")
    made = kaggle.create_submission

    def taken(body: dict[str, Any]) -> dict[str, Any]:
        made(body)
        return {"message": 5}

    kaggle.create_submission = taken
    assert main(["submit", "--file", "mine.csv", "--task", "verification"]) == 0
    assert len(kaggle.competition.submissions) == 1
    assert "public score 0.0312" in capsys.readouterr().out

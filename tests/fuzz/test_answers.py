"""Answers of Kaggle that hold anything, through the official client."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from kaggle_face.kaggle.client.client import KaggleClient, connect
from kaggle_face.kaggle.client.clock import SystemClock
from kaggle_face.kaggle.remote.kaggle_notebooks import KaggleNotebooks
from kaggle_face.progress import SilentProgress
from tests.support import kaggle_server
from tests.support.fuzzing import holds, sizes
from tests.support.kaggle_server import READ_ANSWERS, SLUG, TOKEN, FakeTime, KaggleServer
from tests.support.mutating import mutated_json

NOTEBOOK = "alice/faces"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KaggleServer]:
    """A server of our own, to which the client of this process speaks; time passes only where it waits."""
    for name in [name for name in os.environ if name.startswith("KAGGLE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    (tmp_path / ".kaggle").mkdir()
    made = KaggleServer()
    made.start()
    from kagglesdk import kaggle_env

    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.LOCAL, made.url)
    fake = FakeTime()
    monkeypatch.setattr("kaggle_face.kaggle.client.clock.SystemClock.now", lambda self: fake.now())
    monkeypatch.setattr("time.sleep", fake.sleep)
    yield made
    made.stop()


def calls_of(client: KaggleClient) -> dict[str, Callable[[], object]]:
    """What reaches each method of the server."""
    notebooks = KaggleNotebooks(client, SystemClock())
    return {
        "GetCompetition": lambda: client.competition(SLUG),
        "ListDataFiles": lambda: client.files(SLUG),
        "GetSubmissionLimits": lambda: client.limits(SLUG),
        "ListSubmissions": lambda: client.submissions(SLUG),
        "GetLeaderboard": lambda: client.leaderboard(SLUG),
        "GetKernelSessionStatus": lambda: notebooks.notebook_status(NOTEBOOK),
        "GetAcceleratorQuotaStatistics": notebooks.gpu_quota,
    }


@sizes(short=30, long=6_000)
def test_an_answer_is_understood_or_refused_in_one_line(count: int, server: KaggleServer) -> None:
    calls = calls_of(connect(SystemClock(), SilentProgress(), 5.0))
    for method, answer in READ_ANSWERS.items():
        server.garbage = {method: kaggle_server.Garbage(json.dumps(answer).encode())}
        calls[method]()

    def ask(random: Random) -> None:
        method, answer = random.choice(list(READ_ANSWERS.items()))
        content = mutated_json(random, json.dumps(answer))
        status = 200 if random.random() < 0.9 else random.choice((201, 204, 400, 404, 418))
        server.garbage = {method: kaggle_server.Garbage(content, status=status)}
        calls[method]()

    holds("answers of a server", count, ask)

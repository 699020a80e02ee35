"""A Kaggle of our own: server, credentials, clock, and a working directory with settings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from kaggle_face.synthetic.dataset import EmbeddedSize, write_embedded_dataset
from tests.support.kaggle_server import KEY, SLUG, TOKEN, FakeTime, KaggleServer

TINY = EmbeddedSize(
    num_identities=4,
    train_images_per_identity=6,
    dev_images_per_identity=3,
    test_images_per_identity=2,
    num_verification_identities=8,
    images_per_verification_identity=4,
    num_val_pairs=20,
    num_test_pairs=12,
    image_size_px=32,
)
LAUNCHER = Path(__file__).with_name("kaggle_launcher.py")
SETTINGS = f"""\
competition: {{slug: {SLUG}}}
data: {{root: data/faces}}
submit: {{reserve: 0}}
"""


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KaggleServer]:
    """The running server; the process and its children have an access token and no other credentials."""
    for name in [name for name in os.environ if name.startswith("KAGGLE_") or name == "VERBOSE"]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    (home / ".kaggle").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
    server = KaggleServer()
    server.start()
    _send_client_to(server, home, monkeypatch)
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    work = tmp_path / "work"
    (work / "configs").mkdir(parents=True)
    (work / "configs" / "faces.yaml").write_text(SETTINGS)
    monkeypatch.chdir(work)
    monkeypatch.setenv("KAGGLE_FACE_CONFIG", "faces")
    yield server
    server.stop()


def _send_client_to(server: KaggleServer, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kagglesdk import kaggle_env

    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.LOCAL, server.url)
    from kaggle.api.kaggle_api_extended import KaggleApi

    assert "--local" in KaggleApi.args, "the client was imported before these tests, for the real Kaggle"
    monkeypatch.setattr(KaggleApi, "config_dir", str(home / ".kaggle"))
    monkeypatch.setattr(KaggleApi, "config", str(home / ".kaggle" / "kaggle.json"))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    """Time that passes only where somebody waits, for us and for the official client."""
    fake = FakeTime()
    monkeypatch.setattr("kaggle_face.kaggle.client.clock.SystemClock.now", lambda self: fake.now())
    monkeypatch.setattr("time.sleep", fake.sleep)
    return fake


@pytest.fixture(scope="session")
def tiny_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small competition in the layout `pair_text`, made once; tests link to it and leave it as it is."""
    root = tmp_path_factory.mktemp("tiny") / "faces"
    write_embedded_dataset(root, TINY, seed=1)
    return root


@pytest.fixture
def run_alone(kaggle: KaggleServer):
    """Starts a command in a process of its own."""

    def start(*words: str, **options) -> subprocess.Popen[str]:
        command = [sys.executable, str(LAUNCHER), kaggle.url, *words]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)

    return start


@pytest.fixture
def kill_before_answer(kaggle: KaggleServer, run_alone):
    """Runs a command in a process that is killed while it waits for the answer to a method."""

    def run(method: str, *words: str) -> None:
        started: Future[int] = Future()
        kaggle.before_answer[method] = lambda: os.kill(started.result(), signal.SIGKILL)
        process = run_alone(*words)
        started.set_result(process.pid)
        outputs = process.communicate()
        assert process.returncode == -signal.SIGKILL, outputs
        kaggle.before_answer.clear()

    return run


SECRETS = (TOKEN, KEY, "signed-secret", "upload-1-secret", "upload-2-secret")

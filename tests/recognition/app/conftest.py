"""The page, served with the stand-in model and the real detector; and Chromium."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from waitress.server import BaseWSGIServer

from kaggle_face.recognition.app.access import AccessControl
from kaggle_face.recognition.app.server import create_app, open_server
from kaggle_face.recognition.app.service import Service
from kaggle_face.recognition.detection.mtcnn import MtcnnDetector
from kaggle_face.recognition.gallery.people import Gallery
from kaggle_face.recognition.recognizer import Recognizer
from tests.support.gallery_stubs import PixelEmbedder


@pytest.fixture
def service(recognizer: Recognizer, detector: MtcnnDetector) -> Service:
    return Service(recognizer, detector)


def serve_until(stop: threading.Event, server: BaseWSGIServer) -> None:
    """Answers until the event is set.

    Everything is closed by the thread that waits for the sockets: closed by another, they may be gone
    between its choice of sockets and its waiting for them.
    """
    while not stop.is_set():
        server.asyncore.loop(timeout=0.1, map=server._map, count=1)
    server.task_dispatcher.shutdown()
    server.asyncore.close_all(server._map)


@pytest.fixture(scope="session")
def serve(detector: MtcnnDetector) -> Callable[..., object]:
    """Serves a page for a gallery until the block ends; yields its address."""

    @contextmanager
    def run(path: Path) -> Iterator[str]:
        gallery = Gallery(path, create=True)
        app = create_app(Service(Recognizer(PixelEmbedder(), gallery), detector), AccessControl("127.0.0.1"))
        server = open_server(app, "127.0.0.1", 0)
        stop = threading.Event()
        thread = threading.Thread(target=serve_until, args=(stop, server))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.effective_port}"
        finally:
            stop.set()
            thread.join()

    return run


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser; tests that need it are skipped where it is not."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("Chromium is not installed: apt-get install -y chromium")
    return found

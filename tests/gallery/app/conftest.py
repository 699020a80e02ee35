"""The page, served with the stand-in model and the real detector; and Chromium."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gallery_stubs import PixelEmbedder

from kaggle_face.gallery.app.desk import Desk
from kaggle_face.gallery.app.guard import Guard
from kaggle_face.gallery.app.server import create_app, open_server
from kaggle_face.gallery.detection import MtcnnDetector
from kaggle_face.gallery.enrolled import Gallery
from kaggle_face.gallery.recognition import Recognizer


@pytest.fixture
def desk(recognizer: Recognizer, detector: MtcnnDetector) -> Desk:
    return Desk(recognizer, detector)


@pytest.fixture(scope="session")
def serve(detector: MtcnnDetector) -> Callable[..., object]:
    """Serves a page for a gallery until the block ends; yields its address."""

    @contextmanager
    def run(path: Path) -> Iterator[str]:
        gallery = Gallery(path, create=True)
        app = create_app(Desk(Recognizer(PixelEmbedder(), gallery), detector), Guard("127.0.0.1"))
        server = open_server(app, "127.0.0.1", 0)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.effective_port}"
        finally:
            server.close()
            thread.join(timeout=10)

    return run


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser; tests that need it are skipped where it is not."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("Chromium is not installed: apt-get install -y chromium")
    return found

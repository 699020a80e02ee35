"""The page, served with the stand-in model and the real detector; and Chromium."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Playwright, expect
from waitress.server import BaseWSGIServer

from kaggle_face.recognition.app.access import AccessControl
from kaggle_face.recognition.app.server import create_app, open_server
from kaggle_face.recognition.app.service import Service
from kaggle_face.recognition.detection.mtcnn import MtcnnDetector
from kaggle_face.recognition.gallery.model_card import ModelCard
from kaggle_face.recognition.gallery.people import Gallery
from kaggle_face.recognition.recognizer import Recognizer
from tests.support.face_page import DESKTOP, opening
from tests.support.gallery_stubs import PIXEL_CARD, PixelEmbedder, invented_face, jpeg_of

OPTIONS = [
    "--no-sandbox",
    "--headless=new",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]
PATIENCE_MS = 60_000
"""How long a browser test waits for what must come: long, for a machine under load."""


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
    def run(path: Path, card: ModelCard = PIXEL_CARD) -> Iterator[str]:
        gallery = Gallery(path, create=True)
        service = Service(Recognizer(PixelEmbedder(card), gallery), detector)
        app = create_app(service, AccessControl("127.0.0.1"))
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


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory, seen_people: list[int]) -> Path:
    """`p0.jpg` to `p3.jpg`, `p0-again.jpg`, a group, a wall, a letter and half a picture."""
    folder = tmp_path_factory.mktemp("pictures")
    for number, person in enumerate(seen_people):
        (folder / f"p{number}.jpg").write_bytes(jpeg_of(invented_face(person, 1)))
    again = invented_face(seen_people[0], 1)[4:-4, 4:-4]
    (folder / "p0-again.jpg").write_bytes(jpeg_of(again, quality=70))
    group = Image.new("RGB", (620, 300), (90, 110, 140))
    for number in range(2):
        group.paste(Image.open(folder / f"p{number}.jpg"), (30 + 310 * number, 30))
    group.save(folder / "group.jpg", quality=92)
    Image.new("RGB", (300, 200), (150, 150, 140)).save(folder / "wall.png")
    (folder / "letter.jpg").write_text("this is a letter")
    (folder / "half.jpg").write_bytes((folder / "p1.jpg").read_bytes()[:4000])
    return folder


@pytest.fixture(scope="session")
def camera_film(pictures: Path) -> Path:
    """What the browser's camera sees: the first person, as motion JPEG."""
    film = pictures / "film.mjpeg"
    view = Image.new("RGB", (640, 480), (120, 130, 140))
    view.paste(Image.open(pictures / "p0.jpg").resize((360, 360)), (140, 60))
    view.save(pictures / "view.jpg", quality=92)
    film.write_bytes((pictures / "view.jpg").read_bytes())
    return film


@pytest.fixture(scope="session")
def browser(chromium: str, camera_film: Path, browser_driver: Playwright) -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    opened = browser_driver.chromium.launch(
        executable_path=chromium,
        args=[*OPTIONS, f"--use-file-for-fake-video-capture={camera_film}"],
        timeout=PATIENCE_MS,
    )
    yield opened
    opened.close()


@pytest.fixture
def address(serve: Callable[..., object], tmp_path: Path) -> Iterator[str]:
    with serve(tmp_path / "gallery.sqlite") as url:
        yield url


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    """The gallery of the page."""
    return Gallery(tmp_path / "gallery.sqlite", create=True)


@pytest.fixture(scope="session")
def tab(browser: Browser) -> Iterator[Page]:
    """A tab that tests use one after the other: a new one takes seconds; each test has its own origin."""
    context = browser.new_context(viewport=DESKTOP)
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


@pytest.fixture
def page(tab: Page, address: str) -> Iterator[Page]:
    """The page just opened."""
    with opening(tab, address) as opened:
        yield opened

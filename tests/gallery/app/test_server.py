from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from gallery_stubs import invented_face, jpeg_of

from kaggle_face.errors import InputError, MissingExtraError
from kaggle_face.gallery.app.desk import Desk
from kaggle_face.gallery.app.guard import SECRET_HEADER, Guard
from kaggle_face.gallery.app.server import MAX_UPLOAD_BYTES, create_app, open_server

SECRET = {SECRET_HEADER: "the-secret"}


@pytest.fixture
def client(desk: Desk) -> FlaskClient:
    return create_app(desk, Guard("127.0.0.1", secret="the-secret")).test_client()


@pytest.fixture
def open_client(desk: Desk) -> FlaskClient:
    return create_app(desk, Guard("0.0.0.0", token="the-token", secret="the-secret")).test_client()


def test_every_answer_forbids_foreign_scripts_frames_and_copies(client: FlaskClient) -> None:
    for path in ("/", "/api/people", "/static/app.js", "/nothing"):
        with client.get(path) as answer:
            headers = answer.headers
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"] == "no-store"


def test_the_page_asks_nothing_of_another_machine() -> None:
    static = Path(sys.modules["kaggle_face.gallery.app.server"].__file__ or "").parent / "static"
    for file in static.iterdir():
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text
        assert "https://" not in text
        assert "innerHTML" not in text


def test_the_page_carries_the_secret_of_this_start(client: FlaskClient) -> None:
    assert 'content="the-secret"' in client.get("/").get_data(as_text=True)


def test_a_picture_is_uploaded_looked_at_and_enrolled(client: FlaskClient, seen_people: list[int]) -> None:
    headers = {**SECRET, "X-Picture-Name": "caf%C3%A9.jpg"}
    found = client.post("/api/faces", data=jpeg_of(invented_face(seen_people[0], 1)), headers=headers).json
    answer = client.post(
        "/api/enroll", json={"name": "Ann", "faces": [found["faces"][0]["key"]]}, headers=SECRET
    ).json
    picture = client.get(f"/pictures/{answer['person']['picture']}.png")
    assert picture.mimetype == "image/png"
    assert picture.data[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("data", [b"", b"a letter", jpeg_of(invented_face(1, 0))[:900]])
def test_an_upload_that_is_no_picture_is_refused(client: FlaskClient, data: bytes) -> None:
    answer = client.post("/api/faces", data=data, headers={**SECRET, "X-Picture-Name": "ann.jpg"})
    assert answer.status_code == 400
    assert "ann.jpg cannot be read" in answer.json["error"]


def test_an_upload_that_is_too_large_is_not_read(client: FlaskClient) -> None:
    size = {"CONTENT_LENGTH": str(MAX_UPLOAD_BYTES + 1)}
    answer = client.post("/api/faces", data=b"x", headers=SECRET, environ_overrides=size)
    assert answer.status_code == 413
    assert "larger than 40 MiB" in answer.json["error"]


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b'"x"', b"\xff"])
def test_a_question_that_is_no_json_object_is_refused(client: FlaskClient, data: bytes) -> None:
    answer = client.post("/api/identify", data=data, headers=SECRET)
    assert (answer.status_code, "reload it" in answer.json["error"]) == (400, True)


@pytest.mark.parametrize(
    "path", ["/api/nothing", "/pictures/99.png", "/pictures/../gallery.sqlite", "/static/../server.py"]
)
def test_what_is_not_there_is_not_found(client: FlaskClient, path: str) -> None:
    answer = client.post(path, headers=SECRET, json={}) if path == "/api/nothing" else client.get(path)
    assert answer.status_code == 404


def test_a_request_from_another_website_is_refused(client: FlaskClient) -> None:
    answer = client.post("/api/remove", json={"name": "Ann"}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403


def test_beyond_this_machine_the_token_opens_the_page_and_leaves_the_address(
    open_client: FlaskClient,
) -> None:
    assert open_client.get("/").status_code == 401
    opened = open_client.get("/?token=the-token")
    assert (opened.status_code, opened.headers["Location"]) == (302, "/")
    cookie = opened.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert open_client.get("/").status_code == 200
    assert open_client.get("/api/people").status_code == 200


def test_a_taken_port_is_an_error_of_one_line(desk: Desk) -> None:
    app = create_app(desk, Guard("127.0.0.1"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match=r"cannot be served at .* choose another --port"):
            open_server(app, "127.0.0.1", taken.getsockname()[1])


@pytest.mark.parametrize("port", [-1, 65_536, 99_999])
def test_a_number_that_is_no_port_is_refused(desk: Desk, port: int) -> None:
    with pytest.raises(InputError, match=f"a port is a number from 0 to 65535, got {port}"):
        open_server(create_app(desk, Guard("127.0.0.1")), "127.0.0.1", port)


@pytest.mark.parametrize("package", ["flask", "waitress"])
def test_without_the_libraries_the_extra_is_named(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    app = create_app(desk, Guard("127.0.0.1"))
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"kaggle-face\[app\]"):
        if package == "flask":
            create_app(desk, Guard("127.0.0.1"))
        else:
            open_server(app, "127.0.0.1", 0)

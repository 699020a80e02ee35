from __future__ import annotations

import socket
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from kaggle_face.errors import InputError, MissingExtraError
from kaggle_face.recognition.app import server
from kaggle_face.recognition.app.access import SECRET_HEADER, AccessControl
from kaggle_face.recognition.app.server import MAX_UPLOAD_BYTES, create_app, open_server
from kaggle_face.recognition.app.service import Service
from tests.support.gallery_stubs import invented_face, jpeg_of

SECRET = {SECRET_HEADER: "the-secret"}


@pytest.fixture
def client(service: Service) -> FlaskClient:
    return create_app(service, AccessControl("127.0.0.1", secret="the-secret")).test_client()


@pytest.fixture
def open_client(service: Service) -> FlaskClient:
    return create_app(service, AccessControl("0.0.0.0", token="the-token", secret="the-secret")).test_client()


def test_every_answer_forbids_foreign_scripts_frames_and_copies(client: FlaskClient) -> None:
    for path in ("/", "/api/people", "/static/app.js", "/nothing"):
        with client.get(path) as answer:
            headers = answer.headers
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"] == "no-store"


def test_the_page_asks_nothing_of_another_machine() -> None:
    static = Path(sys.modules["kaggle_face.recognition.app.server"].__file__ or "").parent / "static"
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


@pytest.mark.parametrize("error", [OSError(28, "No space left on device", "g.sqlite"), MemoryError()])
def test_a_full_disk_or_memory_is_one_line_and_no_bug(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Service, "find_faces", fail)
    answer = client.post("/api/faces", data=b"x", headers=SECRET)
    assert answer.status_code == 507
    assert ("is full" if isinstance(error, OSError) else "not enough memory") in answer.json["error"]
    assert not caplog.records


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


WRONG_JSON = [
    b"[" * 100_000, b'{"a":' * 100_000, b'{"name": ' + b"9" * 6000 + b"}", b'{"name": NaN}',
    b'{"name": 1e999}', b'{"name": "\\ud800"}', b'{"\\udfff": 1}', b"\xff" * 50, b"null", b"5",
]  # fmt: skip


@pytest.mark.parametrize("question", ["enroll", "verify", "identify", "rename", "remove", "remove-picture"])
def test_a_question_that_no_page_sends_is_refused(client: FlaskClient, question: str) -> None:
    for data in WRONG_JSON:
        answer = client.post(f"/api/{question}", data=data, headers=SECRET)
        assert (answer.status_code, "reload it" in answer.json["error"]) == (400, True), data[:20]


WRONG_VALUES = [
    None, True, 5, -1, 1.5, 10**400, "", "x", "\0", "a" * 100_000, [], {}, [[[]]], "1e999", "nan", "9" * 5000,
    "\u202e", "../x", [None], [5], ["x"] * 1000,
]  # fmt: skip


def test_wrong_values_in_a_question_are_refused(client: FlaskClient) -> None:
    data = jpeg_of(invented_face(1, 0, 112))
    faces = client.post("/api/faces", data=data, headers={**SECRET, "X-Aligned": "1"}).json["faces"]
    key = faces[0]["key"]
    right = {
        "enroll": {"name": "Bob", "faces": [key], "on_conflict": "refuse", "keep_pictures": False},
        "verify": {"face": key, "name": "Ann", "threshold": "0.5"},
        "identify": {"face": key, "threshold": "0.5"},
        "rename": {"name": "Ann", "new_name": "Anna"},
        "remove-picture": {"name": "Ann", "picture": 1},
        "remove": {"name": "Ann"},
    }
    assert client.post("/api/enroll", json={"name": "Ann", "faces": [key]}, headers=SECRET).status_code == 200
    for question, values in right.items():
        for field in values:
            for wrong in WRONG_VALUES:
                answer = client.post(f"/api/{question}", json={**values, field: wrong}, headers=SECRET)
                allowed = (200, 400) if isinstance(wrong, str) else (400,)
                assert answer.status_code in allowed, (question, field, str(wrong)[:30])


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=x", "text/html; charset=no"]
)
@pytest.mark.parametrize(
    "data", [b"", b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\nz']
)
def test_a_form_in_the_place_of_a_question_is_refused(client: FlaskClient, kind: str, data: bytes) -> None:
    for path in ("/api/faces", "/api/enroll"):
        assert client.post(path, data=data, headers=SECRET, content_type=kind).status_code == 400


@pytest.mark.parametrize(
    "path",
    [f"/pictures/{10**30}.png", f"/pictures/{'9' * 5000}.png", "/static/%00", f"/static/{'a' * 5000}",
     "/static/..%2f..%2fserver.py", "/%00", "/static/%ED%A0%80"],
)  # fmt: skip
def test_a_path_that_no_page_asks_for_is_not_found(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("name", ["%ED%A0%80", "%00", "%0d%0aX", "a" * 60_000, "\xff\xfe", "%", ""])
def test_a_picture_may_be_called_anything(client: FlaskClient, name: str) -> None:
    answer = client.post("/api/faces", data=b"a letter", headers={**SECRET, "X-Picture-Name": name})
    assert answer.status_code == 400
    assert len(answer.json["error"]) < 400


@pytest.mark.parametrize("number", ["", "2", "-1", "1.5", "9" * 5000, "x", "\u0661", "1 OR 1"])
def test_pictures_of_nobody_are_refused(client: FlaskClient, number: str) -> None:
    answer = client.get("/api/pictures", query_string={"person": number})
    assert (answer.status_code, "is not enrolled any more" in answer.json["error"]) == (400, True)


@contextmanager
def half_open(address: str, number: int) -> Iterator[list[socket.socket]]:
    """Connections whose request never ends."""
    port = int(address.rsplit(":", 1)[1])
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(number)]
    try:
        for connection in connections:
            connection.sendall(
                b"POST /api/faces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nx"
            )
        yield connections
    finally:
        for connection in connections:
            connection.close()


def test_many_half_open_connections_do_not_block_the_page(serve: Callable[..., Any], tmp_path: Path) -> None:
    with serve(tmp_path / "gallery.sqlite") as address, half_open(address, 150):
        for _ in range(3):
            assert urllib.request.urlopen(address, timeout=5).status == 200


@pytest.mark.slow
def test_more_than_there_is_room_for_give_way(serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_MOST_CONNECTIONS", 40)
    with serve(tmp_path / "gallery.sqlite") as address, half_open(address, 150) as connections:
        for _ in range(3):  # also where each of them sends a letter now and then
            for connection in connections:
                with suppress(OSError):
                    connection.send(b"y")
            assert urllib.request.urlopen(address, timeout=10).status == 200


def test_a_silent_connection_is_closed(serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_SILENT_SECONDS", 0.2)
    with serve(tmp_path / "gallery.sqlite") as address, half_open(address, 3) as connections:
        for connection in connections:
            connection.settimeout(10)
            assert connection.recv(1) == b""


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


def test_a_taken_port_is_an_error_of_one_line(service: Service) -> None:
    app = create_app(service, AccessControl("127.0.0.1"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match=r"cannot be served at .* choose another --port"):
            open_server(app, "127.0.0.1", taken.getsockname()[1])


@pytest.mark.parametrize("port", [-1, 65_536, 99_999])
def test_a_number_that_is_no_port_is_refused(service: Service, port: int) -> None:
    with pytest.raises(InputError, match=f"a port is a number from 0 to 65535, got {port}"):
        open_server(create_app(service, AccessControl("127.0.0.1")), "127.0.0.1", port)


@pytest.mark.parametrize("package", ["flask", "waitress"])
def test_without_the_libraries_the_extra_is_named(
    service: Service, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    app = create_app(service, AccessControl("127.0.0.1"))
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"kaggle-face\[app\]"):
        if package == "flask":
            create_app(service, AccessControl("127.0.0.1"))
        else:
            open_server(app, "127.0.0.1", 0)

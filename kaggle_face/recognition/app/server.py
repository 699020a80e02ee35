"""The page over HTTP: the only file that imports Flask and waitress."""

from __future__ import annotations

import json
import logging
import os
import secrets
import select
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from kaggle_face.artifacts.files.disk import state_line
from kaggle_face.errors import InputError, MissingExtraError
from kaggle_face.recognition.app.access import COOKIE, RESPONSE_HEADERS, AccessControl, is_loopback
from kaggle_face.recognition.app.service import Service
from kaggle_face.recognition.recognizer import Recognizer

if TYPE_CHECKING:
    from flask import Flask, Response
    from waitress.server import BaseWSGIServer

MAX_UPLOAD_BYTES = 40 * 2**20
_STATIC = Path(__file__).parent / "static"
_SECRET_PLACE = "SECRET-OF-THE-PAGE"
_THREADS = 4
_MOST_CONNECTIONS = 400
_SILENT_SECONDS = 10
_Question = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Page:
    """The page as it is served: its address with the token, and whether other machines reach it."""

    server: BaseWSGIServer
    address: str
    is_public: bool

    def serve(self) -> None:
        """Answers until it is stopped."""
        try:
            self.server.run()
        finally:
            self.server.close()


def open_page(recognizer: Recognizer, host: str, port: int, finds_faces: bool, needs_token: bool) -> Page:
    """The page for a gallery, which listens already.

    Args:
        recognizer: Model and gallery.
        host: Where to listen; an address that other machines reach needs a token always.
        port: 0 takes a free one.
        finds_faces: Whether photos are taken, or aligned crops alone.
        needs_token: Whether this machine needs a token too.

    Raises:
        MissingExtraError: Flask or waitress is not installed, or the detector.
        InputError: The port is taken, or the address is not of this machine.
    """
    from kaggle_face.recognition.detection.mtcnn import MtcnnDetector

    is_public = not is_loopback(host)
    detector = MtcnnDetector() if finds_faces else None
    access = AccessControl(host, secrets.token_urlsafe(24) if needs_token or is_public else None)
    server = open_server(create_app(Service(recognizer, detector), access), host, port)
    shown = f"[{host}]" if ":" in host else host
    query = f"?token={access.token}" if access.token else ""
    return Page(server, f"http://{shown}:{server.effective_port}/{query}", is_public)


def create_app(service: Service, access: AccessControl) -> Flask:
    """The WSGI application.

    Raises:
        MissingExtraError: Flask is not installed.
    """
    try:
        from flask import Flask
    except ImportError:
        raise MissingExtraError("flask", "app") from None
    app = Flask("kaggle_face.recognition.app", static_folder=str(_STATIC), static_url_path="/static")
    app.config["MAX_CONTENT_LENGTH"] = MAX_UPLOAD_BYTES
    _add_access_control(app, access)
    _add_page(app, access)
    _add_reading(app, service)
    _add_questions(app, service)
    _add_errors(app)
    return app


def open_server(app: Flask, host: str, port: int) -> BaseWSGIServer:
    """A listening server; `run()` serves until `close()`. Port 0 takes a free one.

    Raises:
        MissingExtraError: waitress is not installed.
        InputError: The port is taken, or the address is not of this machine.
    """
    try:
        from waitress import create_server
    except ImportError:
        raise MissingExtraError("waitress", "app") from None
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a busy moment is not news
    server = create_server(
        app,
        sockets=[_listening_socket(host, port)],
        threads=_THREADS,
        ident="kaggle-face",
        max_request_body_size=MAX_UPLOAD_BYTES,
        inbuf_overflow=MAX_UPLOAD_BYTES + 2**20,  # an upload stays in memory, no temporary file
        clear_untrusted_proxy_headers=True,
        connection_limit=_MOST_CONNECTIONS,
        asyncore_use_poll=hasattr(select, "poll"),  # select knows file numbers up to 1023 alone
        cleanup_interval=1,
    )
    server.maintenance = partial(_close_idle, server)
    return server


def _close_idle(server: Any, now: float) -> None:
    """Closes connections without a whole request that are silent, or the oldest of too many.

    Of its own accord waitress keeps a silent one for two minutes, one that sends a letter now and then for
    ever, and takes no further one when it has a hundred.
    """
    channels = server.active_channels.values()
    idle = sorted((one for one in channels if not one.requests), key=lambda one: one.creation_time)
    too_many = max(0, len(channels) - _MOST_CONNECTIONS // 2)
    for place, channel in enumerate(idle):
        if place < too_many or channel.last_activity < now - _SILENT_SECONDS:
            channel.will_close = True


def _listening_socket(host: str, port: int) -> socket.socket:
    """A socket bound to an address, which waitress would leave open where that fails."""
    if not 0 <= port <= 65_535:  # getaddrinfo takes what is left over of a larger number
        raise InputError(f"a port is a number from 0 to 65535, got {port}; choose another --port")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            if os.name == "posix":  # a port that was left a moment ago is free; on Windows this means another
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"the page cannot be served at {host}:{port} ({reason}); choose another --port or --host"
        ) from error
    return listener


def _add_access_control(app: Flask, access: AccessControl) -> None:
    from flask import request

    @app.before_request
    def refuse() -> tuple[dict[str, str], int] | None:
        shown = request.cookies.get(COOKIE) or request.args.get("token") or ""
        refusal = access.refuse(request.method, request.path, dict(request.headers), shown)
        return None if refusal is None else ({"error": refusal.reason}, refusal.status)

    @app.after_request
    def seal(response: Response) -> Response:
        response.headers.update(RESPONSE_HEADERS)
        return response


def _add_page(app: Flask, access: AccessControl) -> None:
    from flask import make_response, redirect, request

    page = (_STATIC / "index.html").read_text(encoding="utf-8").replace(_SECRET_PLACE, access.secret)

    @app.get("/")
    def index() -> Any:
        if access.token is not None and "token" in request.args:
            response = make_response(redirect("/"))  # the address bar shall not show the token
            response.set_cookie(COOKIE, access.token, httponly=True, samesite="Strict")
            return response
        return page


def _add_reading(app: Flask, service: Service) -> None:
    from flask import make_response, request

    @app.get("/api/state")
    def state() -> dict[str, Any]:
        return service.state()

    @app.get("/api/people")
    def people() -> dict[str, Any]:
        return service.people(request.args.get("name", ""))

    @app.get("/api/pictures")
    def pictures() -> dict[str, Any]:
        return service.pictures(request.args.get("person", ""))

    @app.get("/pictures/<int:image>.png")
    def picture(image: int) -> Any:
        png = service.picture(image)
        if png is None:
            return {"error": "no such picture"}, 404
        response = make_response(png)
        response.mimetype = "image/png"
        return response


def _add_questions(app: Flask, service: Service) -> None:
    from flask import request

    @app.post("/api/faces")
    def faces() -> dict[str, Any]:
        name = unquote(request.headers.get("X-Picture-Name", "the picture"))[:200]
        return service.find_faces(request.get_data(), name, request.headers.get("X-Aligned") == "1")

    questions: dict[str, _Question] = {
        "enroll": service.enroll,
        "verify": service.verify,
        "identify": service.identify,
        "rename": service.rename,
        "remove": service.remove,
        "remove-picture": service.remove_picture,
    }

    @app.post("/api/<question>")
    def answer(question: str) -> Any:
        if question not in questions:
            return {"error": "there is no such request"}, 404
        return questions[question](_json_object(request.get_data()))


def _add_errors(app: Flask) -> None:
    from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

    @app.errorhandler(InputError)
    def wrong_input(error: InputError) -> tuple[dict[str, str], int]:
        return {"error": str(error)}, 400

    @app.errorhandler(RequestEntityTooLarge)
    def too_large(_: RequestEntityTooLarge) -> tuple[dict[str, str], int]:
        return {"error": f"the file is larger than {MAX_UPLOAD_BYTES // 2**20} MiB"}, 413

    @app.errorhandler(Exception)
    def stopped_by_machine(error: Exception) -> tuple[dict[str, str], int]:
        if (line := state_line(error)) is None:
            raise error
        return {"error": line}, 507

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> tuple[dict[str, str], int]:
        return {"error": error.name}, error.code or 500


def _json_object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()  # half a letter, infinity, too deep
    except (ValueError, RecursionError):
        raise InputError("the page sent no JSON; reload it") from None
    if not isinstance(value, dict):
        raise InputError("the page sent no JSON object; reload it")
    return value

"""A local server that speaks as much of Kaggle's API as the official client asks for, with scripted failures.

It knows competitions, uploads, submissions, downloads, datasets and notebooks. `fail(method, ...)` queues
failures for a method; each request takes one. Everything that was asked is kept in `requests`.
"""

from __future__ import annotations

import base64
import json
import re
import socket
import struct
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "KGAT-very-secret-access-token-0123456789"
USER, KEY = "alice", "very-secret-legacy-key-abcdef0123456789"
SLUG = "faces-in-class-2026"
NOW = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
LAST_MODIFIED = "Sat, 01 Nov 2026 10:00:00 GMT"
READ_ANSWERS: dict[str, dict[str, Any]] = {
    "GetCompetition": {
        "ref": SLUG, "title": "Faces", "evaluationMetric": "EER", "maxDailySubmissions": 5,
        "deadline": "2026-12-01T04:59:00.000Z", "teamCount": 3, "userHasEntered": True, "userRank": 2,
    },
    "ListDataFiles": {"files": [{"name": "a.csv", "totalBytes": 5}], "nextPageToken": ""},
    "GetSubmissionLimits": {"numToday": 1, "numTotal": 2, "numAllowedNow": 3, "limitedByTotal": False},
    "ListSubmissions": {
        "submissions": [
            {
                "ref": 5000, "description": "first", "fileName": "mine.csv", "status": "COMPLETE",
                "date": "2026-11-22T13:00:00.000Z", "publicScore": "0.5", "privateScore": "",
                "errorDescription": "", "teamName": "Team Alice",
            }
        ]
    },
    "GetLeaderboard": {
        "submissions": [
            {"teamId": 1, "teamName": "A", "score": "0.5", "submissionDate": "2026-11-22T13:00:00Z"}
        ],
        "nextPageToken": "",
    },
    "GetKernelSessionStatus": {"status": "RUNNING", "failureMessage": ""},
    "GetAcceleratorQuotaStatistics": {
        "quotaRefreshTime": "2026-11-28T00:00:00.000Z",
        "gpuQuota": {"timeUsed": "3600s", "totalTimeAllowed": "108000s"},
    },
}  # fmt: skip
"""A right answer to each call that only reads, for tests that spoil them part by part."""


@dataclass(frozen=True)
class Fault:
    """One failure: an error status, or a connection that is cut; `after` the request was carried out."""

    status: int = 0
    message: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    after: bool = False


@dataclass(frozen=True)
class Garbage:
    """An answer that is none: these bytes in the place of a method's own ones, as long as it stands."""

    content: bytes
    content_type: str = "application/json"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Submission:
    """A submission, and the states in which it shows itself from one listing to the next."""

    ref: int
    description: str
    file_name: str
    content: bytes
    states: list[dict[str, Any]]
    hidden_lists: int = 0

    def show(self) -> dict[str, Any] | None:
        if self.hidden_lists > 0:
            self.hidden_lists -= 1
            return None
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        shown = {
            "ref": self.ref,
            "description": self.description,
            "fileName": self.file_name,
            "date": "2026-11-22T13:00:00.000Z",
            "totalBytes": len(self.content),
            "teamName": "Team Alice",
        }
        return {**shown, **state}


@dataclass
class Competition:
    """A competition: its rules, files, limits, submissions and leaderboard."""

    slug: str = SLUG
    accepted: bool = True
    files: dict[str, bytes] = field(default_factory=dict)
    archive: bytes = b""
    max_daily: int = 5
    zero_limits: bool = False
    submissions: list[Submission] = field(default_factory=list)
    next_states: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"status": "PENDING"},
            {"status": "COMPLETE", "publicScore": "0.0312", "privateScore": ""},
        ]
    )
    next_hidden_lists: int = 0
    leaderboard: list[dict[str, Any]] = field(default_factory=list)
    user_rank: int | None = None


class KaggleServer:
    """The state of the server; `start` and `stop` run it."""

    def __init__(self) -> None:
        self.competitions = {SLUG: Competition()}
        self.faults: dict[str, deque[Fault]] = defaultdict(deque)
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.uploads: dict[str, bytes] = {}
        self.cut_uploads_after: deque[int] = deque()
        self.cut_downloads_after: deque[int] = deque()
        self.ranges: list[str | None] = []
        self.garbage: dict[str, Garbage] = {}
        self.silent: set[str] = set()  # methods that are never answered; the requests hang until `stop`
        self.hung = threading.Event()
        self.stopping = threading.Event()
        self.before_answer: dict[str, Callable[[], None]] = {}
        self.datasets: dict[str, dict[str, Any]] = {}
        self.dataset_states = ["BLOBS_RECEIVED", "READY"]
        self.kernels: dict[str, dict[str, Any]] = {}
        self.gpu_hours_used = 3.0
        self.on_push: Callable[[str, dict[str, Any]], None] = lambda name, body: None
        self.blobs = 0
        self.lock = threading.RLock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    @property
    def competition(self) -> Competition:
        return self.competitions[SLUG]

    def start(self) -> None:
        serve = lambda: self._http.serve_forever(poll_interval=0.01)  # noqa: E731
        self._thread = threading.Thread(target=serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def hang(self) -> None:
        """Says nothing until the server stops."""
        self.hung.set()
        self.stopping.wait(120)

    def fail(self, method: str, *faults: Fault) -> None:
        self.faults[method].extend(faults)

    def asked(self, method: str) -> list[dict[str, Any]]:
        return [body for name, body in self.requests if name == method]

    def add_submission(self, description: str, slug: str = SLUG, **state: Any) -> Submission:
        """A submission that was made by other means."""
        competition = self.competitions[slug]
        states = [{"status": "COMPLETE", **state}]
        made = Submission(1000 + len(competition.submissions), description, "other.csv", b"", states)
        competition.submissions.append(made)
        return made

    # What each method of the API answers: a JSON object, or a (status, message) of a refusal.

    def introspect_token(self, body: dict[str, Any]) -> Any:
        active = body.get("token") == TOKEN
        return {"active": active, "username": USER if active else ""}

    def list_competitions(self, body: dict[str, Any]) -> Any:
        return {
            "competitions": [
                {"ref": f"https://www.kaggle.com/competitions/{slug}", "title": slug}
                for slug in self.competitions
            ]
        }

    def get_competition(self, body: dict[str, Any]) -> Any:
        competition = self._competition(body)
        answer = {
            "ref": competition.slug,
            "title": "Faces in class",
            "evaluationMetric": "Equal Error Rate",
            "maxDailySubmissions": competition.max_daily,
            "deadline": "2026-12-01T04:59:00.000Z",
            "teamCount": len(competition.leaderboard),
            "userHasEntered": competition.accepted,
        }
        return answer | ({"userRank": competition.user_rank} if competition.user_rank else {})

    def list_data_files(self, body: dict[str, Any]) -> Any:
        competition = self._competition(body)
        names = sorted(competition.files)
        start, size = int(body.get("pageToken") or 0), int(body.get("pageSize") or 20)
        page = names[start : start + size]
        files = [{"name": name, "totalBytes": len(competition.files[name])} for name in page]
        more = start + size < len(names)
        return {"files": files, "nextPageToken": str(start + size) if more else ""}

    def download_data_files(self, body: dict[str, Any]) -> Any:
        competition = self._entered(body, "download files")
        return _Redirect(f"{self.url}/storage/{competition.slug}.zip?signature=signed-secret")

    def get_submission_limits(self, body: dict[str, Any]) -> Any:
        competition = self._entered(body, "see your submissions")
        if competition.zero_limits:
            return {}
        made = len(competition.submissions)
        return {"numToday": made, "numTotal": made, "numAllowedNow": max(0, competition.max_daily - made)}

    def start_submission_upload(self, body: dict[str, Any]) -> Any:
        self._entered(body, "submit")
        self.blobs += 1
        token = f"upload-{self.blobs}-secret"
        return {"token": token, "createUrl": f"{self.url}/upload/{token}"}

    def create_submission(self, body: dict[str, Any]) -> Any:
        competition = self._entered(body, "submit")
        if len(competition.submissions) >= competition.max_daily:
            words = (
                f"Submission not allowed: Your team has used its daily Submission allowance "
                f"({competition.max_daily}) today, please try again tomorrow UTC (11 hours from now)."
            )
            raise _RefusedError(400, words)
        content = self.uploads[body["blobFileTokens"]]
        made = Submission(
            5000 + len(competition.submissions),
            body.get("submissionDescription", ""),
            "submission.csv",
            content,
            [dict(state) for state in competition.next_states],
            competition.next_hidden_lists,
        )
        competition.submissions.append(made)
        return {"message": "Successfully submitted to Faces in class", "ref": made.ref}

    def list_submissions(self, body: dict[str, Any]) -> Any:
        competition = self._entered(body, "see your submissions")
        shown = [shown for made in reversed(competition.submissions) if (shown := made.show())]
        size, page = int(body.get("pageSize") or 20), int(body.get("page") or 1)
        return {"submissions": shown[(page - 1) * size : page * size]}

    def get_leaderboard(self, body: dict[str, Any]) -> Any:
        rows = self._competition(body).leaderboard
        start, size = int(body.get("pageToken") or 0), int(body.get("pageSize") or 20)
        more = start + size < len(rows)
        return {
            "submissions": rows[start : start + size],
            "nextPageToken": str(start + size) if more else "",
        }

    def start_blob_upload(self, body: dict[str, Any]) -> Any:
        self.blobs += 1
        token = f"blob-{self.blobs}-{body['name']}"
        return {"token": token, "createUrl": f"{self.url}/upload/{token}"}

    def get_dataset_status(self, body: dict[str, Any]) -> Any:
        dataset = self.datasets.get(f"{body['ownerSlug']}/{body['datasetSlug']}")
        if dataset is None:
            raise _RefusedError(404, "Not found")
        states = dataset["states"]
        return {"status": states.pop(0) if len(states) > 1 else states[0]}

    def create_dataset(self, body: dict[str, Any]) -> Any:
        name = f"{body['ownerSlug']}/{body['slug']}"
        self.datasets[name] = {
            "private": body.get("isPrivate", False),
            "versions": [self._files_of(body)],
            "states": list(self.dataset_states),
        }
        return {"status": "ok", "ref": name, "url": f"https://www.kaggle.com/datasets/{name}"}

    def create_dataset_version(self, body: dict[str, Any]) -> Any:
        name = f"{body['ownerSlug']}/{body['datasetSlug']}"
        self.datasets[name]["versions"].append(self._files_of(body["body"]))
        return {"status": "ok", "ref": name, "url": f"https://www.kaggle.com/datasets/{name}"}

    def save_kernel(self, body: dict[str, Any]) -> Any:
        name = body["slug"]
        kernel = self.kernels.setdefault(
            name, {"versions": [], "states": [{"status": "COMPLETE"}], "output": {}, "log": ""}
        )
        kernel["versions"].append(body)
        number = len(kernel["versions"])
        self.on_push(name, body)
        return {
            "ref": f"/code/{name}",
            "url": f"https://www.kaggle.com/code/{name}",
            "versionNumber": number,
            **kernel.get("push_answer", {}),
        }

    def get_kernel_session_status(self, body: dict[str, Any]) -> Any:
        states = self._kernel(body)["states"]
        return states.pop(0) if len(states) > 1 else states[0]

    def list_kernel_session_output(self, body: dict[str, Any]) -> Any:
        name = f"{body['userName']}/{body['kernelSlug']}"
        kernel = self._kernel(body)
        files = [{"fileName": path, "url": f"{self.url}/output/{name}/{path}"} for path in kernel["output"]]
        start, size = int(body.get("pageToken") or 0), int(body.get("pageSize") or 20)
        answer = {"files": files[start : start + size], "log": kernel["log"]}
        return answer | ({"nextPageToken": str(start + size)} if start + size < len(files) else {})

    def get_accelerator_quota_statistics(self, body: dict[str, Any]) -> Any:
        hour = 3600
        return {
            "quotaRefreshTime": "2026-11-28T00:00:00.000Z",
            "gpuQuota": {
                "timeUsed": f"{round(self.gpu_hours_used * hour)}s",
                "totalTimeAllowed": f"{30 * hour}s",
            },
        }

    def _files_of(self, body: dict[str, Any]) -> dict[str, bytes]:
        tokens = [file["token"] for file in body.get("files", [])]
        return {token.split("-", 2)[2]: self.uploads[token] for token in tokens}

    def _kernel(self, body: dict[str, Any]) -> dict[str, Any]:
        kernel = self.kernels.get(f"{body['userName']}/{body['kernelSlug']}")
        if kernel is None:
            raise _RefusedError(403, "Permission 'kernels.get' was denied")
        return kernel

    def _competition(self, body: dict[str, Any]) -> Competition:
        found = self.competitions.get(body.get("competitionName", ""))
        if found is None:
            raise _RefusedError(404, "Competition not found")
        return found

    def _entered(self, body: dict[str, Any], doing: str) -> Competition:
        competition = self._competition(body)
        if not competition.accepted:
            raise _RefusedError(
                403, f"You must accept this competition's rules before you'll be able to {doing}."
            )
        return competition


class _RefusedError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass(frozen=True)
class _Redirect:
    location: str


def _handler_of(server: KaggleServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *words: object) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self._read_body() or b"{}")
            method = self.path.rsplit("/", 1)[-1]
            with server.lock:
                server.requests.append((method, body))
                fault = server.faults[method].popleft() if server.faults[method] else None
            if fault is not None and not fault.after:
                return self._give(fault)
            if method in server.silent:
                server.hang()
                return self._cut()
            if method in server.garbage:
                garbage = server.garbage[method]
                headers = {"Content-Type": garbage.content_type, **garbage.headers}
                return self._answer(garbage.status, garbage.content, headers)
            if not self._is_known():
                return self._json(401, {"code": 401, "message": "Unauthenticated"})
            try:
                with server.lock:
                    answer = getattr(server, _snake(method))(body)
            except _RefusedError as refusal:
                return self._json(refusal.status, {"code": refusal.status, "message": refusal.message})
            if method in server.before_answer:
                server.before_answer[method]()
            if fault is not None:
                return self._give(fault)
            if isinstance(answer, _Redirect):
                return self._answer(302, b"", {"Location": answer.location})
            return self._json(200, answer)

        def do_PUT(self) -> None:
            token = self.path.rsplit("/", 1)[-1]
            with server.lock:
                server.requests.append(("PUT", {"token": token}))
                fault = server.faults["PUT"].popleft() if server.faults["PUT"] else None
                cut = server.cut_uploads_after.popleft() if server.cut_uploads_after else None
            if cut is not None:
                self.rfile.read(cut)
                return self._cut()
            if "PUT" in server.silent:
                server.hang()
                return self._cut()
            content = self._read_body()
            if fault is not None:
                return self._give(fault)
            with server.lock:
                server.uploads[token] = content
            return self._answer(200, b"", {})

        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            if path.startswith("/storage/"):
                slug = path.rsplit("/", 1)[-1].removesuffix(".zip")
                return self._storage(server.competitions[slug].archive)
            owner, kernel, name = path.removeprefix("/output/").split("/", 2)
            return self._storage(server.kernels[f"{owner}/{kernel}"]["output"][name])

        def _storage(self, content: bytes) -> None:
            wanted = self.headers.get("Range")
            server.ranges.append(wanted)
            start = int(re.findall(r"\d+", wanted)[0]) if wanted else 0
            part = content[start:]
            headers = {"Accept-Ranges": "bytes", "ETag": '"one"', "Last-Modified": LAST_MODIFIED}
            if wanted:
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            cut = server.cut_downloads_after.popleft() if server.cut_downloads_after else None
            self.send_response(206 if wanted else 200)
            for name, value in {**headers, "Content-Length": str(len(part))}.items():
                self.send_header(name, value)
            self.end_headers()
            if "GET" in server.silent:
                self.wfile.write(part[: len(part) // 2])
                server.hang()
                return self._cut()
            self.wfile.write(part if cut is None else part[:cut])
            if cut is not None:
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
            return None

        def _is_known(self) -> bool:
            given = self.headers.get("Authorization", "")
            basic = "Basic " + base64.b64encode(f"{USER}:{KEY}".encode()).decode()
            return given in (f"Bearer {TOKEN}", basic) or self.path.endswith("IntrospectToken")

        def _read_body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                chunks = []
                while size := int(self.rfile.readline(), 16):
                    chunks.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(chunks)
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _give(self, fault: Fault) -> None:
            if fault.cut:
                return self._cut()
            return self._json(fault.status, {"code": fault.status, "message": fault.message}, fault.headers)

        def _cut(self) -> None:
            """Ends the connection with a reset, as a failing network does."""
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.rfile.close()
            self.connection.close()

        def _json(self, status: int, values: Any, headers: Mapping[str, str] | None = None) -> None:
            content = json.dumps(values).encode()
            self._answer(status, content, {"Content-Type": "application/json", **(headers or {})})

        def _answer(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
            try:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                pass  # the client is gone, as it may be when a test kills it

    return Handler


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


class FakeTime:
    """A clock that jumps where others wait, and calls `on_sleep` at each wait."""

    def __init__(self) -> None:
        self.moment = NOW
        self.slept: list[float] = []
        self.on_sleep: Callable[[float], None] = lambda seconds: None

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += timedelta(seconds=seconds)
        self.on_sleep(seconds)

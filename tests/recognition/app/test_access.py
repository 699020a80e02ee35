from __future__ import annotations

import pytest

from kaggle_face.recognition.app.access import SECRET_HEADER, AccessControl

LOCAL = AccessControl("127.0.0.1", secret="the-secret")
OPEN = AccessControl("0.0.0.0", token="the-token", secret="the-secret")
PAGE = {"Host": "127.0.0.1:8642", SECRET_HEADER: "the-secret"}


def status(access: AccessControl, method: str, path: str, headers: dict[str, str], token: str = "") -> int:
    refusal = access.refuse(method, path, headers, token)
    return 200 if refusal is None else refusal.status


@pytest.mark.parametrize("host", ["127.0.0.1:8642", "localhost:8642", "[::1]:8642", "127.0.0.1", "localhost"])
def test_the_page_itself_is_answered(host: str) -> None:
    assert status(LOCAL, "GET", "/", {"Host": host}) == 200
    assert status(LOCAL, "POST", "/api/enroll", {**PAGE, "Host": host}) == 200


@pytest.mark.parametrize("host", ["evil.example:8642", "127.0.0.1.evil.example", "", "192.168.1.7:8642"])
def test_a_name_that_an_attacker_points_here_is_refused(host: str) -> None:
    assert status(LOCAL, "GET", "/", {"Host": host}) == 403


def test_a_request_without_the_pages_secret_is_refused() -> None:
    assert status(LOCAL, "POST", "/api/enroll", {"Host": "127.0.0.1:8642"}) == 403
    assert status(LOCAL, "POST", "/api/enroll", {**PAGE, SECRET_HEADER: "guessed"}) == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_website_is_refused_by_what_the_browser_says(site: str) -> None:
    assert status(LOCAL, "POST", "/api/enroll", {**PAGE, "Sec-Fetch-Site": site}) == 403
    assert status(LOCAL, "GET", "/pictures/1.png", {**PAGE, "Sec-Fetch-Site": site}) == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:8642"])
def test_a_foreign_origin_is_refused(origin: str) -> None:
    assert status(LOCAL, "POST", "/api/enroll", {**PAGE, "Origin": origin}) == 403


def test_the_own_origin_is_answered() -> None:
    assert status(LOCAL, "POST", "/api/enroll", {**PAGE, "Origin": "http://127.0.0.1:8642"}) == 200


def test_a_link_from_elsewhere_may_open_the_page_but_nothing_else() -> None:
    headers = {"Host": "localhost:8642", "Sec-Fetch-Site": "cross-site"}
    assert status(LOCAL, "GET", "/", headers) == 200
    assert status(LOCAL, "GET", "/api/people", headers) == 403


@pytest.mark.parametrize(
    ("token", "expected"), [("the-token", 200), ("", 401), ("the-tokem", 401), ("ä", 401)]
)
def test_beyond_this_machine_the_token_is_needed_for_everything(token: str, expected: int) -> None:
    for method, path in (
        ("GET", "/"),
        ("GET", "/api/people"),
        ("GET", "/static/app.js"),
        ("POST", "/api/enroll"),
    ):
        headers = {"Host": "box.lan:8642", SECRET_HEADER: "the-secret"}
        assert status(OPEN, method, path, headers, token) == expected


def test_each_start_has_another_secret() -> None:
    assert AccessControl("127.0.0.1").secret != AccessControl("127.0.0.1").secret


@pytest.mark.parametrize(
    "host",
    [
        "[::1].evil.com", "[::1].evil.com:8642", "[::1]evil.com", "[::1]:8642.evil.com", "[::1]:80:80",
        "[::1", "::1", "[127.0.0.1.evil.com]", "127.0.0.1:8642.evil.com", "127.0.0.1:evil.com",
        "127.0.0.1:99999",
        "localhost.evil.com", "localhost:8642@evil.com", "evil.com@localhost", "evil.com, 127.0.0.1",
        "127.0.0.1 evil.com", "127.0.0.1\t", " 127.0.0.1", "localhost:", "[]", "[::1%lo]", "[::2]", "0.0.0.0",
        "127.0.0.1:८६४२", "localhost\u2024evil.com",
    ],
)  # fmt: skip
def test_a_name_that_only_begins_like_this_machine_is_refused(host: str) -> None:
    assert status(LOCAL, "GET", "/", {"Host": host}) == 403
    assert status(LOCAL, "POST", "/api/enroll", {**PAGE, "Host": host}) == 403

"""Access control of the page: the page itself alone, and beyond the loopback interface only with the token.

A website that is open in the same browser could send requests to this machine too. It is refused thrice: by
the name under which it reached the server (DNS rebinding), by the origin that the browser names, and by a
secret that only the page itself can read.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

_HOST = re.compile(
    r"(\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[0-9A-Za-z.-]+))(:(?P<port>[0-9]{1,5}))?", re.ASCII
)
COOKIE = "kaggle_face_token"
SECRET_HEADER = "X-Kaggle-Face"
RESPONSE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Refusal:
    """The status of an answer that refuses a request, and why."""

    status: Literal[401, 403]
    reason: str


@dataclass(frozen=True)
class AccessControl:
    """The rules for an address.

    Attributes:
        host: Where the server listens.
        token: What must be shown beyond the loopback interface, or everywhere with `--token`.
        secret: What the page itself sends with each request that it makes.
    """

    host: str
    token: str | None = None
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def refuse(self, method: str, path: str, headers: Mapping[str, str], shown_token: str) -> Refusal | None:
        """Why a request is not answered, or None.

        Args:
            method: GET or POST.
            path: The path without the query.
            headers: Its headers, names in title case as WSGI servers give them.
            shown_token: The token of its cookie or query, or an empty string.
        """
        if self.token is None and not _names_loopback(headers.get("Host", "")):
            return Refusal(403, "this page answers under 127.0.0.1 and localhost only")
        if self.token is not None and not hmac.compare_digest(shown_token.encode(), self.token.encode()):
            return Refusal(401, "open the address that the command printed, with its token")
        if path == "/" and method == "GET":
            return None  # a link or a bookmark may lead here; everything else is requested by the page
        site = headers.get("Sec-Fetch-Site", "same-origin")
        origin = headers.get("Origin")
        foreign = origin is not None and origin.split("://", 1)[-1] != headers.get("Host", "")
        if site not in ("same-origin", "none") or foreign:
            return Refusal(403, "another website must not use this page")
        shown = headers.get(SECRET_HEADER, "")
        if method != "GET" and not hmac.compare_digest(shown.encode(), self.secret.encode()):
            return Refusal(403, "the page is of an earlier start of the command; reload it")
        return None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address.

    >>> [is_loopback(host) for host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "192.168.1.2")]
    [True, True, True, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _names_loopback(host_header: str) -> bool:
    """Whether a whole Host header, with or without a port, means this machine."""
    found = _HOST.fullmatch(host_header)
    return (
        found is not None and int(found["port"] or 0) <= 65_535 and is_loopback(found["six"] or found["name"])
    )

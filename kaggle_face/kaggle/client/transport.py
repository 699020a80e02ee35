"""Limits on the requests of the official client: their time, and the size and type of answers.

The client sets no time limit, parses whatever arrives, and makes its sessions in several places, some of them
while it is imported. So the limits are put where all of its requests pass, for the time of one call.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

SILENT_SECONDS = 30.0
"""How long Kaggle may send nothing, where no setting changes it."""
_MOST_BYTES = 64 * 2**20
_KEPT_CHARACTERS = 2000


class UnreadableAnswerError(Exception):
    """An answer that does not fit its request; the message gives the reason."""


class SilentServerError(Exception):
    """A server that sent or took nothing for the whole time; no error that the client itself tries again."""


@dataclass
class Exchange:
    """The last request: its method, whether and how it was answered, and the values of an object."""

    method: str = ""
    is_answered: bool = False
    answer: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    def check_lists(self, names: Collection[str]) -> None:
        """Refuses another object in the place of one with these lists; one list alone must be there.

        Raises:
            UnreadableAnswerError: The client would take it for an empty list.
        """
        if len(names) == 1 and self.values and not any(name in self.values for name in names):
            raise UnreadableAnswerError(f"it has no '{next(iter(names))}'")
        for name in names:
            if not isinstance(self.values.get(name), list | None):
                raise UnreadableAnswerError(f"its '{name}' is not a list")


@contextmanager
def limited(silent_seconds: float) -> Iterator[Exchange]:
    """Gives up each request of the block whose server sends or takes nothing for so long.

    Uploads and downloads may take as long as they advance; any other answer must be complete after twice
    that time, be of moderate size, and a JSON object where the request was one of Kaggle's API.

    Raises:
        UnreadableAnswerError: The answer is too large, or not a JSON object.
        requests.HTTPError: Kaggle refused; also where the refusal stands in an answer with status 200.
        SilentServerError: The answer did not arrive in time.
    """
    from requests import Response
    from requests.adapters import HTTPAdapter

    exchange = Exchange()
    adapters: Any = HTTPAdapter
    responses: Any = Response
    send, pieces = adapters.send, responses.iter_content
    adapters.send = _limited_send(send, exchange, silent_seconds)
    responses.iter_content = _limited_pieces(pieces)
    try:
        yield exchange
    finally:
        adapters.send, responses.iter_content = send, pieces


def _limited_send(send: Callable[..., Any], exchange: Exchange, silent_seconds: float) -> Callable[..., Any]:
    """`HTTPAdapter.send` with a timeout, a record of the exchange, and a check of the answer."""
    from requests import Timeout
    from urllib3.exceptions import ReadTimeoutError
    from urllib3.util import Retry

    def send_limited(
        adapter: Any, request: Any, stream: bool = False, timeout: Any = None, *others: Any, **options: Any
    ) -> Any:
        adapter.max_retries = Retry(0, read=False)  # `RetryPolicy` alone decides about further tries
        exchange.method, exchange.is_answered = request.path_url.rsplit("/", 1)[-1], False
        exchange.answer, exchange.values = "", {}
        is_api_call = request.method == "POST"
        try:
            response = send(adapter, request, stream, silent_seconds, *others, **options)
            exchange.is_answered = True
            if not stream or response.status_code >= 300 or (is_api_call and _is(response, "json", "html")):
                _read(response, silent_seconds)
                exchange.answer = response.text[:_KEPT_CHARACTERS]
        except (Timeout, ReadTimeoutError):
            raise SilentServerError from None
        if is_api_call:
            exchange.values = _checked_values(response)
        return response

    return send_limited


def _limited_pieces(pieces: Callable[..., Iterator[bytes]]) -> Callable[..., Iterator[bytes]]:
    """`Response.iter_content` that calls a server silent where the client calls the connection cut."""
    from requests import ConnectionError as CutOff
    from urllib3.exceptions import ReadTimeoutError

    def pieces_limited(response: Any, *others: Any, **options: Any) -> Iterator[bytes]:
        try:
            yield from pieces(response, *others, **options)
        except CutOff as error:
            if any(isinstance(reason, ReadTimeoutError) for reason in error.args):
                raise SilentServerError from None
            raise

    return pieces_limited


def _is(response: Any, *kinds: str) -> bool:
    return any(kind in response.headers.get("Content-Type", "").lower() for kind in kinds)


def _read(response: Any, seconds: float) -> None:
    """Reads the body within the limits, as far as `response.content` would."""
    pieces, size, end = [], 0, time.monotonic() + seconds
    while piece := response.raw.read1(65_536, decode_content=True):
        pieces.append(piece)
        size += len(piece)
        if size > _MOST_BYTES:
            response.close()
            raise UnreadableAnswerError(f"it is larger than {_MOST_BYTES // 2**20} MiB")
        if time.monotonic() > end:
            response.close()
            raise SilentServerError
    response._content, response._content_consumed = b"".join(pieces), True
    response.raw.release_conn()


def _checked_values(response: Any) -> Mapping[str, Any]:
    """The JSON object of an answer; refuses an error."""
    from requests import HTTPError

    if response.status_code >= 400:
        raise HTTPError("refused", response=response)
    if response.status_code >= 300 and not response.is_redirect:
        raise UnreadableAnswerError(f"its status is {response.status_code}")
    if response.status_code < 300 and _is(response, "html"):
        raise UnreadableAnswerError("it is a web page")
    if response.status_code >= 300 or not _is(response, "json"):
        return {}
    values = json.loads(response.content)
    if not isinstance(values, dict):
        raise UnreadableAnswerError("it is not an object")
    code = values.get("code", 0)
    if is_http_error(code):
        raise HTTPError("refused", response=response)
    if not isinstance(code, int) or not 0 <= code < 400:
        raise UnreadableAnswerError("its code is not a status")
    return values


def is_http_error(code: object) -> bool:
    """Whether a number is the status of an HTTP error."""
    return isinstance(code, int) and 400 <= code < 600

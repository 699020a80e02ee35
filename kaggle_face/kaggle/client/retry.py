"""Calls to the official client: tries and waits, and failures as data, without output and without secrets."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from kaggle_face.kaggle.client.clock import Clock
from kaggle_face.kaggle.client.credentials import HOW_TO_GET, find_credentials, why_none
from kaggle_face.kaggle.client.failures import (
    GARBLED,
    NO_CONNECTION,
    NO_CREDENTIALS,
    UNREADABLE,
    Failure,
    seconds_to_wait,
)
from kaggle_face.kaggle.client.transport import (
    SILENT_SECONDS,
    Exchange,
    SilentServerError,
    UnreadableAnswerError,
    is_http_error,
    limited,
)
from kaggle_face.progress import Progress

T = TypeVar("T")

_TRIES = 6
_LONGEST_WAIT_SECONDS = 900.0
_LONGEST_WORDS = 300
_LONGEST_ANSWER = 120
_ADDRESS = re.compile(r"""("\w*(?:token|url|secret|key)"\s*:\s*")(?:[^"\\]|\\.)*""", re.IGNORECASE)
"""Values of an answer that open something: the address of an upload, the token of a file."""


@dataclass
class RetryPolicy:
    """Tries of one request: six at most, with not more than a quarter of an hour of waiting in all."""

    tries: int = 0
    waited: float = 0.0

    def next_wait(self, failure: Failure) -> float | None:
        """Seconds until the next try, or None after the last one.

        >>> policy = RetryPolicy()
        >>> [policy.next_wait(Failure(503, "")) for _ in range(6)]
        [1.0, 2.0, 4.0, 8.0, 16.0, None]
        """
        self.tries += 1
        if not failure.is_passing or self.tries >= _TRIES:
            return None
        wait = failure.retry_after if failure.retry_after is not None else 2.0 ** (self.tries - 1)
        if self.waited + wait > _LONGEST_WAIT_SECONDS:
            return None
        self.waited += wait
        return wait


@dataclass(frozen=True)
class CallContext:
    """Conditions of calls: texts that must not be shown, and how long Kaggle may be silent."""

    clock: Clock
    secrets: Collection[str] = ()
    silent_seconds: float = SILENT_SECONDS


def repeated(
    request: Callable[[], T | Failure],
    doing: str,
    clock: Clock,
    progress: Progress,
    size: Callable[[], int] = lambda: 0,
) -> T | Failure:
    """The answer of a request that may be repeated, or its last failure.

    Args:
        request: Makes the request once.
        doing: What is done, for messages.
        clock: Waits between the tries.
        progress: Where each further try is reported.
        size: What there is of the answer already; the tries begin anew where it has grown.
    """
    policy, had = RetryPolicy(), size()
    while isinstance(answer := request(), Failure):
        if size() > had:
            policy, had = RetryPolicy(), size()
        wait = policy.next_wait(answer)
        if wait is None:
            break
        progress.log(f"cannot {doing} now ({answer.words}); next try in {wait:.0f} s")
        clock.sleep(wait)
    return answer


def attempt(
    function: Callable[[], T], context: CallContext, show_progress: bool = False, lists: Collection[str] = ()
) -> T | Failure:
    """The answer, or the failure as data: the exception, which holds the credentials, ends here.

    Whatever the client or a reader of its answer raises is a failure: an answer may hold anything. With
    `show_progress` standard error stays open, for our own progress; the client's standard output, and
    everything that it prints about failures, is swallowed. `lists` are lists that the last answer must have.
    """
    with limited(context.silent_seconds) as exchange:
        try:
            sink = io.StringIO()
            with redirect_stdout(sink), nullcontext() if show_progress else redirect_stderr(sink):
                answer = function()
            exchange.check_lists(lists)
            return answer
        except MemoryError:
            raise
        except (Exception, SystemExit) as error:
            return replace(_failure_of(error, exchange, context), method=exchange.method)


def _failure_of(error: BaseException, exchange: Exchange, context: CallContext) -> Failure:
    from requests import HTTPError, RequestException
    from requests.exceptions import InvalidHeader
    from urllib3.exceptions import DecodeError
    from urllib3.exceptions import HTTPError as ConnectionFailure

    match error:
        case SystemExit():
            first = next(iter(find_credentials()), None)
            refused = "" if first is None else f"Kaggle does not accept the {first.kind} from {first.source}"
            return Failure(NO_CREDENTIALS, f"{refused}; {HOW_TO_GET}" if refused else why_none())
        case ImportError():  # kaggle 2.2 imports six without declaring it
            return Failure(UNREADABLE, f"the official client cannot be imported: {error}")
        case ValueError() if isinstance(error.__context__, HTTPError):  # the client's words for a refusal
            return _http_failure(error.__context__, context)
        case HTTPError():
            return _http_failure(error, context)
        case InvalidHeader() if "Content-Length" not in str(error):  # its message shows the header
            words = f"the credentials hold characters that no request can carry; {HOW_TO_GET}"
            return Failure(NO_CREDENTIALS, words)
        case SilentServerError():
            return Failure(NO_CONNECTION, f"it was silent for {context.silent_seconds:g} s")
        case RequestException() | ConnectionFailure() if not isinstance(error, ValueError | DecodeError):
            return Failure(NO_CONNECTION, _connection_words(error))
        case OSError() if not isinstance(error, ValueError):
            return Failure(
                UNREADABLE, one_clean_line(error.strerror or type(error).__name__, context.secrets)
            )
        case _:
            return _garbled(error, exchange, context)


def _http_failure(error: Any, context: CallContext) -> Failure:
    """Status and words of an HTTP error; Kaggle also answers 200 with an error in its JSON."""
    response = error.response
    if response is None:
        return Failure(UNREADABLE, "an answer without content")
    status, words = int(response.status_code), str(response.reason or "")
    try:
        body = response.json()
    except (ValueError, RecursionError):
        body = None
    body = body if isinstance(body, dict) else {}
    if is_http_error(body.get("code")):
        status = max(status, body["code"])
    texts = [body.get(name) for name in ("message", "error")]
    words = next((text for text in texts if isinstance(text, str) and text.strip()), words)
    wait = seconds_to_wait(response.headers.get("Retry-After"), context.clock.now())
    return Failure(status, one_clean_line(words, context.secrets), wait)


def _garbled(error: BaseException, exchange: Exchange, context: CallContext) -> Failure:
    """The fault of an answer, and its beginning; without an answer, the complaint of the client."""
    from requests.exceptions import InvalidHeader

    words = str(error) if isinstance(error, UnreadableAnswerError) else f"{type(error).__name__}: {error}"
    if "header value" in words:  # http.client shows the header itself
        words = "the credentials hold characters that no request can carry"
    if not exchange.answer:
        is_of_answer = exchange.is_answered or isinstance(error, UnreadableAnswerError | InvalidHeader)
        return Failure(GARBLED if is_of_answer else UNREADABLE, one_clean_line(words, context.secrets))
    shown = one_clean_line(_ADDRESS.sub(r"\1***", exchange.answer), context.secrets, _LONGEST_ANSWER)
    return Failure(GARBLED, f"{one_clean_line(words, context.secrets, _LONGEST_ANSWER)}: '{shown}'")


def _connection_words(error: BaseException) -> str:
    """The failure of a connection in words of our own: the client's contain addresses and tokens."""
    text = f"{type(error).__name__} {error}".lower()
    for sign, words in (
        ("ssl", "the secure connection failed (certificates, or a proxy between)"),
        ("proxy", "the proxy failed"),
        ("resol", "its name was not found (is there a network?)"),
        ("refused", "the connection was refused"),
    ):
        if sign in text:
            return words
    return "the connection was cut"


def one_clean_line(text: str, secrets: Collection[str], longest: int = _LONGEST_WORDS) -> str:
    """Text for a message: one line, no secret, no address with parameters, not too long."""
    for secret in secrets:
        text = text.replace(secret, "***")
    text = re.sub(r"https?://\S+", lambda match: match.group().split("?")[0], " ".join(text.split()))
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text if len(text) <= longest else text[: longest - 3] + "..."


def secrets_of(config_values: Mapping[str, Any]) -> set[str]:
    """Every value that must never be shown; short ones would blank out ordinary words."""
    found = [os.environ.get(name) for name in ("KAGGLE_API_TOKEN", "KAGGLE_KEY")]
    found += [config_values.get(name) for name in ("key", "token", "api_token")]
    return {value for value in found if isinstance(value, str) and len(value) >= 6}

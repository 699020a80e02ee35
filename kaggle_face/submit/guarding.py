"""Calls to the official client whose failure comes back as data, without output and without secrets."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from typing import Any, TypeVar

from kaggle_face.submit.clock import Clock
from kaggle_face.submit.credentials import HOW_TO_GET, find_credentials
from kaggle_face.submit.failures import (
    NO_CONNECTION,
    NO_CREDENTIALS,
    UNREADABLE,
    Failure,
    seconds_to_wait,
)

T = TypeVar("T")

_LONGEST_WORDS = 300


def attempt(
    function: Callable[[], T], clock: Clock, secrets: Collection[str], show_progress: bool = False
) -> T | Failure:
    """The answer, or the failure as data: the exception, which holds the credentials, ends here.

    With `show_progress` standard error stays open, for our own progress; the client's standard output, and
    everything that it prints about failures, is swallowed.
    """
    from requests import HTTPError, RequestException
    from urllib3.exceptions import HTTPError as ConnectionFailure

    try:
        with _silence(show_progress):
            return function()
    except SystemExit:
        return _without_login()
    except ImportError as error:
        # kaggle 2.2 imports six without declaring it
        return Failure(UNREADABLE, f"the official client cannot be imported: {error}")
    except HTTPError as error:
        return _http_failure(error, clock, secrets)
    except (RequestException, ConnectionFailure) as error:
        return Failure(NO_CONNECTION, _connection_words(error))
    except OSError as error:
        return Failure(UNREADABLE, one_clean_line(error.strerror or type(error).__name__, secrets))
    except (ValueError, KeyError) as error:
        return Failure(UNREADABLE, one_clean_line(str(error), secrets))


@contextmanager
def _silence(show_progress: bool) -> Iterator[None]:
    sink = io.StringIO()
    with redirect_stdout(sink), nullcontext() if show_progress else redirect_stderr(sink):
        yield


def _without_login() -> Failure:
    found = find_credentials()
    if not found:
        return Failure(NO_CREDENTIALS, f"there are no Kaggle credentials; {HOW_TO_GET}")
    first = f"Kaggle does not accept the {found[0].kind} from {found[0].source}"
    return Failure(NO_CREDENTIALS, f"{first}; {HOW_TO_GET}")


def _http_failure(error: Any, clock: Clock, secrets: Collection[str]) -> Failure:
    """Status and words of an HTTP error; Kaggle also answers 200 with an error in its JSON."""
    response = error.response
    if response is None:
        return Failure(UNREADABLE, "an answer without content")
    status, words = int(response.status_code), str(response.reason or "")
    try:
        body = response.json()
    except ValueError:
        body = {}
    if isinstance(body, dict):
        status = max(status, int(body.get("code") or 0))
        words = str(body.get("message") or body.get("error") or words)
    wait = seconds_to_wait(response.headers.get("Retry-After"), clock.now())
    return Failure(status, one_clean_line(words, secrets), wait)


def _connection_words(error: Exception) -> str:
    """What happened to a connection, in words of our own: the client's name addresses and tokens."""
    text = f"{type(error).__name__} {error}".lower()
    for sign, words in (
        ("timeout", "it did not answer in time"),
        ("timed out", "it did not answer in time"),
        ("ssl", "the secure connection failed (certificates, or a proxy between)"),
        ("proxy", "the proxy failed"),
        ("resol", "its name was not found (is there a network?)"),
        ("refused", "the connection was refused"),
    ):
        if sign in text:
            return words
    return "the connection was cut"


def one_clean_line(text: str, secrets: Collection[str]) -> str:
    """Text for a message: one line, no secret, no address with parameters, not too long."""
    for secret in secrets:
        text = text.replace(secret, "***")
    text = re.sub(r"https?://\S+", lambda match: match.group().split("?")[0], " ".join(text.split()))
    return text if len(text) <= _LONGEST_WORDS else text[: _LONGEST_WORDS - 3] + "..."


def secrets_of(config_values: Mapping[str, Any]) -> set[str]:
    """Every value that must never be shown; short ones would blank out ordinary words."""
    found = [os.environ.get(name) for name in ("KAGGLE_API_TOKEN", "KAGGLE_KEY")]
    found += [config_values.get(name) for name in ("key", "token", "api_token")]
    return {value for value in found if value is not None and len(value) >= 6}

"""The official Kaggle client behind typed calls; the one file that imports it.

The client prints, exits, sleeps and raises errors that carry the request with its credentials. Here nothing
that it prints is shown, every failure becomes a `RemoteError` of one line, and no exception of the client
is chained to it. It waits for ever and believes every answer: time limits and checks are ours. Its
own tries after a cut connection are left as they are; a silent server is up to `RetryPolicy` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from kaggle_face.errors import OfflineError, RemoteError
from kaggle_face.kaggle.client.answers import (
    Accepted,
    Account,
    FileList,
    LeaderboardRow,
    Limits,
    RemoteCompetition,
    RemoteFile,
    RemoteSubmission,
)
from kaggle_face.kaggle.client.clock import Clock
from kaggle_face.kaggle.client.credentials import find_broken, find_credentials, why_none
from kaggle_face.kaggle.client.failures import NO_CONNECTION, Failure, explain
from kaggle_face.kaggle.client.fields import items_of, number_of, required_text, text_of
from kaggle_face.kaggle.client.parsing import (
    competition_from,
    file_from,
    limits_from,
    slug_from,
    submission_from,
    team_from,
)
from kaggle_face.kaggle.client.retry import CallContext, attempt, one_clean_line, repeated, secrets_of
from kaggle_face.kaggle.client.transport import SILENT_SECONDS, UnreadableAnswerError
from kaggle_face.progress import Progress

T = TypeVar("T")

_FILES_PER_PAGE, _MOST_PAGES = 200, 50
_SUBMISSIONS_PER_PAGE, _MOST_SUBMISSION_PAGES = 100, 100
_TEAMS_PER_PAGE, _MOST_TEAM_PAGES = 200, 100


class KaggleClient:
    """Calls to Kaggle on behalf of an account; made by `connect`."""

    def __init__(
        self, api: Any, clock: Clock, progress: Progress, silent_seconds: float = SILENT_SECONDS
    ) -> None:
        self.api, self._clock, self._progress = api, clock, progress  # `api`: the official client
        values = api.config_values
        self.account = Account(str(values.get("username", "")), values["auth_method"])
        self._context = CallContext(clock, secrets_of(values), silent_seconds)

    def call(
        self,
        doing: str,
        function: Callable[[], T],
        slug: str | None = None,
        show_progress: bool = False,
        lists: Collection[str] = (),
        size: Callable[[], int] = lambda: 0,
    ) -> T:
        """The answer of a request that may be repeated, tried again where that can help.

        Args:
            doing: What is done, for messages.
            function: Makes the request and reads the answer.
            slug: The competition that is requested.
            show_progress: Whether standard error stays open.
            lists: The lists that the last answer must have.
            size: What there is of the answer already; the tries begin anew where it has grown.

        Raises:
            RemoteError: It failed; one line with Kaggle's own words and what to do.
        """
        answer = self.answer_or_failure(doing, function, show_progress, lists, size)
        if not isinstance(answer, Failure):
            return answer
        known = self.entered_competitions() if slug is not None and answer.status in (403, 404) else []
        raise error_of(answer)(explain(answer, doing, slug, known))

    def answer_or_failure(
        self,
        doing: str,
        function: Callable[[], T],
        show_progress: bool = False,
        lists: Collection[str] = (),
        size: Callable[[], int] = lambda: 0,
    ) -> T | Failure:
        """The answer of a request as in `call`, or its last failure."""
        request = lambda: self.try_once(function, show_progress, lists)  # noqa: E731
        return repeated(request, doing, self._clock, self._progress, size)

    def try_once(
        self, function: Callable[[], T], show_progress: bool = False, lists: Collection[str] = ()
    ) -> T | Failure:
        """The answer of a request that is made once, or its failure."""
        return attempt(function, self._context, show_progress, lists)

    def check_login(self) -> None:
        """Requests something that only an account may see.

        Raises:
            RemoteError: The credentials are not accepted, or Kaggle cannot be reached.
        """
        self.call("log in", partial(self._request_entered, 1), lists=("competitions",))

    def entered_competitions(self) -> list[str]:
        """The slugs of the competitions that the account takes part in; empty where they cannot be had."""
        answer = self.try_once(partial(self._request_entered, 100), lists=("competitions",))
        return [] if isinstance(answer, Failure) else answer

    def competition(self, slug: str) -> RemoteCompetition:
        """A competition as Kaggle describes it."""
        from kagglesdk.competitions.types.competition_api_service import ApiGetCompetitionRequest

        request = ApiGetCompetitionRequest()
        request.competition_name = slug

        def read() -> RemoteCompetition:
            with self.api.build_kaggle_client() as kaggle:
                found = kaggle.competitions.competition_api_client.get_competition(request)
            required_text(found, "title")
            return competition_from(found, slug)

        return self.call(f"read about '{slug}'", read, slug)

    def files(self, slug: str) -> FileList:
        """The names and sizes of a competition's files, of very many only the first."""
        files: list[RemoteFile] = []
        token = ""
        for _ in range(_MOST_PAGES):
            request = partial(self._request_files, slug, token)
            page, token = self.call(f"list the files of '{slug}'", request, slug, lists=("files",))
            files += page
            if not token:
                break
        return FileList(tuple(files), is_complete=not token)

    def download(self, slug: str, folder: Path) -> Path:
        """Downloads all files of a competition as one archive, from where an earlier download stopped.

        The client verifies the size that the server gave; its progress is the growth of the file.
        """
        doing = f"download the files of '{slug}'"
        self.call(
            doing,
            lambda: self.api.competition_download_files(slug, path=str(folder), quiet=True),
            slug,
            show_progress=True,
            size=lambda: max((path.stat().st_size for path in folder.glob(f"{slug}.*")), default=0),
        )
        found = [path for path in folder.glob(f"{slug}.*") if path.suffix != ".kaggle-partial"]
        if not found:
            raise RemoteError(f"cannot {doing}: the client reported success but left no file in {folder}")
        return max(found, key=lambda path: path.stat().st_mtime)

    def submit(self, path: Path, description: str, slug: str) -> Accepted | Failure:
        """Uploads a CSV file once, without trying again: after a failure it may be there nevertheless."""

        def send() -> Accepted | Failure:
            answer = self.api.competition_submit(str(path), description, slug, quiet=True)
            words = text_of(answer, "message")
            if words == self.api.COMPETITION_SUBMIT_UPLOAD_FAILED_MESSAGE:
                return Failure(NO_CONNECTION, "the file did not arrive")
            return Accepted(self.cleaned(words), number_of(answer, "ref"))

        return self.try_once(send)

    def explained(self, failure: Failure, doing: str, slug: str) -> RemoteError:
        """The error of a failure that is not tried again."""
        known = self.entered_competitions() if failure.status in (403, 404) else []
        return RemoteError(explain(failure, doing, slug, known))

    def submissions(self, slug: str, newest: int | None = None) -> list[RemoteSubmission]:
        """The submissions of the team, the newest first; all of them, or at least the `newest`.

        Raises:
            RemoteError: They cannot be had, or there are more than Kaggle lets anybody make.
        """
        found: dict[int, RemoteSubmission] = {}
        doing = f"list the submissions to '{slug}'"
        for page in count(1):
            request = partial(self._request_submissions, slug, page)
            listed = self.call(doing, request, slug, lists=("submissions",))
            fresh = {item.reference: item for item in listed if item.reference not in found}
            found |= fresh
            if len(fresh) < _SUBMISSIONS_PER_PAGE or (newest is not None and len(found) >= newest):
                break
            if page == _MOST_SUBMISSION_PAGES:
                raise RemoteError(f"cannot {doing}: Kaggle lists more than {len(found)}")
        return list(found.values())

    def limits(self, slug: str) -> Limits:
        """The number of submissions that are left today."""
        doing = f"read how many submissions to '{slug}' are left"
        return self.call(doing, lambda: limits_from(self.api.competition_get_submission_limits(slug)), slug)

    def leaderboard(self, slug: str) -> list[LeaderboardRow]:
        """All teams of the public leaderboard, the best first."""
        rows: list[LeaderboardRow] = []
        token = ""
        for _ in range(_MOST_TEAM_PAGES):
            request = partial(self._request_teams, slug, token, len(rows))
            page, token = self.call(
                f"read the leaderboard of '{slug}'", request, slug, lists=("submissions",)
            )
            rows += page
            if not token:
                break
        return rows

    def _request_entered(self, most: int) -> list[str]:
        found = self.api.competitions_list(group="entered", page_size=most)
        return [] if found is None else items_of(found, "competitions", slug_from)

    def _request_files(self, slug: str, token: str) -> tuple[list[RemoteFile], str]:
        page = self.api.competition_list_files(slug, token or None, _FILES_PER_PAGE)
        return items_of(page, "files", file_from), text_of(page, "next_page_token")

    def _request_submissions(self, slug: str, page: int) -> list[RemoteSubmission]:
        found = self.api.competition_submissions(slug, page_number=page, page_size=_SUBMISSIONS_PER_PAGE)
        return [submission_from(item) for item in found or []]

    def _request_teams(self, slug: str, token: str, before: int) -> tuple[list[LeaderboardRow], str]:
        from kagglesdk.competitions.types.competition_api_service import ApiGetLeaderboardRequest

        request = ApiGetLeaderboardRequest()
        request.competition_name, request.page_size, request.page_token = slug, _TEAMS_PER_PAGE, token
        with self.api.build_kaggle_client() as kaggle:
            page = kaggle.competitions.competition_api_client.get_leaderboard(request)
        ranks = count(before + 1)
        rows = items_of(page, "submissions", lambda item: team_from(item, next(ranks)))
        return rows, text_of(page, "next_page_token")

    def cleaned(self, text: str) -> str:
        """A text of Kaggle as one line without secrets."""
        return one_clean_line(text, self._context.secrets)


def error_of(failure: Failure) -> type[RemoteError]:
    """The class of a failure's error: whether Kaggle answered at all."""
    return OfflineError if failure.status == NO_CONNECTION else RemoteError


def connect(clock: Clock, progress: Progress, silent_seconds: float = SILENT_SECONDS) -> KaggleClient:
    """Logs in with the credentials that the official client finds.

    Raises:
        RemoteError: There are none, they are broken or not accepted, or Kaggle cannot be reached.
    """
    broken = find_broken()
    if not find_credentials() or any(place.is_taken for place in broken):
        raise (RemoteError if broken else OfflineError)(f"cannot log in: {why_none()}")
    for place in broken:
        progress.warn(f"{place}; other credentials are used")
    context = CallContext(clock, secrets_of({}), silent_seconds)
    api = repeated(lambda: attempt(_authenticated_api, context), "log in", clock, progress)
    if isinstance(api, Failure):
        raise error_of(api)(explain(api, "log in"))
    return KaggleClient(api, clock, progress, silent_seconds)


def _authenticated_api() -> Any:
    """A client that logged in; importing the package already tries to, and swallows the failure.

    Other than the official one it takes only objects for settings and uploads only to web addresses.
    """
    from kaggle.api.kaggle_api_extended import KaggleApi

    class Api(KaggleApi):  # type: ignore[misc]
        def read_config_file(self, config_data: Any = None, quiet: bool = False) -> Any:
            values = super().read_config_file(config_data, quiet)
            return values if isinstance(values, dict) else {}

        def upload_complete(self, path: Any, url: Any, quiet: Any, resume: bool = False) -> Any:
            if not isinstance(url, str) or not url.startswith(("https://", "http://")):
                raise UnreadableAnswerError("it has no address to upload to")
            return super().upload_complete(path, url, quiet, resume)

    api = Api()
    api.authenticate()
    if not isinstance(api.config_values.get("username", ""), str):
        raise UnreadableAnswerError("the user name is not a text")
    return api

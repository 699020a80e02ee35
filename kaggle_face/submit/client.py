"""The official Kaggle client behind typed calls; the one file that imports it.

The client prints, exits, sleeps and raises errors that carry the request with its credentials. Here nothing
that it prints is shown, every failure becomes a `RemoteError` of one line, and no exception of the client
is chained to it. The client's own retries are left as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from kaggle_face.errors import RemoteError
from kaggle_face.progress import Progress
from kaggle_face.submit.answers import (
    Accepted,
    Account,
    CompetitionFacts,
    FileList,
    LeaderboardRow,
    Limits,
    RemoteFile,
    RemoteSubmission,
)
from kaggle_face.submit.clock import Clock
from kaggle_face.submit.failures import NO_CONNECTION, Failure, Patience, explain
from kaggle_face.submit.guarding import attempt, one_clean_line, secrets_of

T = TypeVar("T")

_FILES_PER_PAGE, _MOST_PAGES = 200, 50
_SUBMISSIONS_PER_PAGE = 100
_TEAMS_PER_PAGE, _MOST_TEAM_PAGES = 200, 100


class KaggleClient:
    """Calls to Kaggle on behalf of an account; made by `connect`."""

    def __init__(self, api: Any, clock: Clock, progress: Progress) -> None:
        self.api, self._clock, self._progress = api, clock, progress  # `api`: the official client
        values = api.config_values
        self.account = Account(str(values.get("username", "")), values["auth_method"])

    def call(
        self, doing: str, function: Callable[[], T], slug: str | None = None, show_progress: bool = False
    ) -> T:
        """The answer of a request that may be repeated, tried again where that can help.

        Raises:
            RemoteError: It failed; one line with Kaggle's own words and what to do.
        """
        patience = Patience()
        while True:
            answer = self.try_once(function, show_progress)
            if not isinstance(answer, Failure):
                return answer
            wait = patience.next_wait(answer)
            if wait is None:
                break
            self._progress.say(f"cannot {doing} now ({answer.words}); next try in {wait:.0f} s")
            self._clock.sleep(wait)
        known = self.entered_competitions() if slug is not None and answer.status in (403, 404) else []
        raise RemoteError(explain(answer, doing, slug, known))

    def try_once(self, function: Callable[[], T], show_progress: bool = False) -> T | Failure:
        """The answer of a request that is made once, or its failure."""
        return attempt(function, self._clock, self._secrets(), show_progress)

    def check_login(self) -> None:
        """Asks for something that only an account may see.

        Raises:
            RemoteError: The credentials are not accepted, or Kaggle cannot be reached.
        """
        self.call("log in", lambda: self.api.competitions_list(group="entered", page_size=1))

    def entered_competitions(self) -> list[str]:
        """The slugs of the competitions that the account takes part in; empty where they cannot be had."""
        answer = self.try_once(lambda: self.api.competitions_list(group="entered", page_size=100))
        found = [] if isinstance(answer, Failure) or answer is None else answer.competitions
        return [str(competition.ref).rstrip("/").rsplit("/", 1)[-1] for competition in found or []]

    def competition(self, slug: str) -> CompetitionFacts:
        """What Kaggle tells about a competition."""
        found = self.call(f"ask for '{slug}'", lambda: self._ask_competition(slug), slug)
        return CompetitionFacts(
            slug,
            found.title or slug,
            found.evaluation_metric or "",
            found.max_daily_submissions,
            found.deadline,
            found.team_count,
            found.user_has_entered,
            found.user_rank or None,
        )

    def files(self, slug: str) -> FileList:
        """The names and sizes of a competition's files, of very many only the first."""
        files: list[RemoteFile] = []
        token = None
        for _ in range(_MOST_PAGES):
            page = self.call(f"list the files of '{slug}'", self._file_page(slug, token), slug)
            files += [RemoteFile(file.name or file.ref, file.total_bytes) for file in page.files]
            token = page.next_page_token
            if not token:
                break
        return FileList(tuple(files), is_complete=not token)

    def download(self, slug: str, folder: Path) -> Path:
        """Downloads all files of a competition as one archive, from where an earlier download stopped.

        The client verifies the size that the server told; its progress is the growth of the file.
        """
        doing = f"download the files of '{slug}'"
        self.call(
            doing,
            lambda: self.api.competition_download_files(slug, path=str(folder), quiet=True),
            slug,
            show_progress=True,
        )
        found = [path for path in folder.glob(f"{slug}.*") if path.suffix != ".kaggle-partial"]
        if not found:
            raise RemoteError(f"cannot {doing}: the client reported success but left no file in {folder}")
        return max(found, key=lambda path: path.stat().st_mtime)

    def submit(self, path: Path, description: str, slug: str) -> Accepted | Failure:
        """Uploads a CSV file once, without trying again: after a failure it may be there nevertheless."""
        answer = self.try_once(lambda: self.api.competition_submit(str(path), description, slug, quiet=True))
        if isinstance(answer, Failure):
            return answer
        if answer.message == self.api.COMPETITION_SUBMIT_UPLOAD_FAILED_MESSAGE:
            return Failure(NO_CONNECTION, "the file did not arrive")
        return Accepted(self.cleaned(answer.message or ""), answer.ref or 0)

    def explained(self, failure: Failure, doing: str, slug: str) -> RemoteError:
        """The error of a failure that is not tried again."""
        known = self.entered_competitions() if failure.status in (403, 404) else []
        return RemoteError(explain(failure, doing, slug, known))

    def submissions(self, slug: str, newest: int | None = None) -> list[RemoteSubmission]:
        """The submissions of the team, the newest first; all of them, or at least the `newest`."""
        found: dict[int, RemoteSubmission] = {}
        for page in count(1):
            answer = self.call(f"list the submissions to '{slug}'", self._submission_page(slug, page), slug)
            fresh = [_submission(item) for item in answer or [] if item.ref not in found]
            found |= {submission.reference: submission for submission in fresh}
            if len(fresh) < _SUBMISSIONS_PER_PAGE or (newest is not None and len(found) >= newest):
                break
        return list(found.values())

    def limits(self, slug: str) -> Limits:
        """How many submissions are left today."""
        doing = f"ask how many submissions to '{slug}' are left"
        found = self.call(doing, lambda: self.api.competition_get_submission_limits(slug), slug)
        return Limits(found.num_today, found.num_total, found.num_allowed_now, found.limited_by_total)

    def leaderboard(self, slug: str) -> list[LeaderboardRow]:
        """All teams of the public leaderboard, the best first."""
        rows: list[LeaderboardRow] = []
        token: str | None = None
        for _ in range(_MOST_TEAM_PAGES):
            page = self.call(f"read the leaderboard of '{slug}'", self._team_page(slug, token), slug)
            rows += [_team(item, len(rows) + place) for place, item in enumerate(page.submissions, start=1)]
            token = page.next_page_token
            if not token:
                break
        return rows

    def _ask_competition(self, slug: str) -> Any:
        from kagglesdk.competitions.types.competition_api_service import ApiGetCompetitionRequest

        request = ApiGetCompetitionRequest()
        request.competition_name = slug
        with self.api.build_kaggle_client() as kaggle:
            return kaggle.competitions.competition_api_client.get_competition(request)

    def _file_page(self, slug: str, token: str | None) -> Callable[[], Any]:
        return lambda: self.api.competition_list_files(slug, token, _FILES_PER_PAGE)

    def _submission_page(self, slug: str, page: int) -> Callable[[], Any]:
        size = _SUBMISSIONS_PER_PAGE
        return lambda: self.api.competition_submissions(slug, page_number=page, page_size=size)

    def _team_page(self, slug: str, token: str | None) -> Callable[[], Any]:
        from kagglesdk.competitions.types.competition_api_service import ApiGetLeaderboardRequest

        request = ApiGetLeaderboardRequest()
        request.competition_name, request.page_size, request.page_token = slug, _TEAMS_PER_PAGE, token or ""

        def ask() -> Any:
            with self.api.build_kaggle_client() as kaggle:
                return kaggle.competitions.competition_api_client.get_leaderboard(request)

        return ask

    def cleaned(self, text: str) -> str:
        """A text of Kaggle as one line without secrets."""
        return one_clean_line(text, self._secrets())

    def _secrets(self) -> set[str]:
        return secrets_of(self.api.config_values)


def connect(clock: Clock, progress: Progress) -> KaggleClient:
    """Logs in with the credentials that the official client finds.

    Raises:
        RemoteError: There are none, they are not accepted, or Kaggle cannot be reached.
    """
    patience = Patience()
    while True:
        api = attempt(_authenticated_api, clock, secrets_of({}))
        if not isinstance(api, Failure):
            return KaggleClient(api, clock, progress)
        wait = patience.next_wait(api)
        if wait is None:
            break
        progress.say(f"cannot log in now ({api.words}); next try in {wait:.0f} s")
        clock.sleep(wait)
    raise RemoteError(explain(api, "log in"))


def _authenticated_api() -> Any:
    """A client that logged in; importing the package already tries to, and swallows the failure."""
    from kaggle.api.kaggle_api_extended import KaggleApi

    api = KaggleApi()
    api.authenticate()
    return api


def _submission(item: Any) -> RemoteSubmission:
    return RemoteSubmission(
        reference=item.ref,
        date=item.date,
        description=item.description or "",
        file_name=item.file_name or "",
        status=item.status.name,
        public_score=item.public_score or None,
        private_score=item.private_score or None,
        error=item.error_description or None,
        team=item.team_name or "",
    )


def _team(item: Any, rank: int) -> LeaderboardRow:
    try:
        score = float(item.score)
    except (TypeError, ValueError):
        score = None
    return LeaderboardRow(rank, item.team_id, item.team_name or "", score, item.submission_date)

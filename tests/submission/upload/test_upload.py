"""Uploads through the command line and the official client, to a server that fails in every known way."""

from __future__ import annotations

import csv
import sqlite3
from pathlib import Path

import pytest

from kaggle_face.cli.main import main
from kaggle_face.errors import RunError
from kaggle_face.kaggle.client.clock import SystemClock
from kaggle_face.progress import SilentProgress
from kaggle_face.submission.ledger.database import Ledger
from kaggle_face.submission.upload.session import KaggleSession
from kaggle_face.submission.upload.upload import resume_open
from tests.support.kaggle_server import SLUG, Competition, Fault, KaggleServer

ROWS = "ID,Label\n0,0.75\n1,-0.25\n2,0.5\n"


@pytest.fixture
def csv_file(kaggle: KaggleServer) -> Path:
    path = Path("mine.csv")
    path.write_text(ROWS)
    return path


def submit(*words: str) -> int:
    return main(["submit", "--file", "mine.csv", "--task", "verification", "-m", "first try", *words])


def rows() -> list[dict[str, str]]:
    with Path("submissions/ledger.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_file_is_uploaded_once_and_its_score_is_told(kaggle, clock, csv_file, capsys):
    assert submit() == 0
    (made,) = kaggle.competition.submissions
    assert made.content == ROWS.encode()
    assert made.description.startswith("first try [kf ")
    (row,) = rows()
    assert (row["status"], row["public_score"], row["reference"]) == ("COMPLETE", "0.0312", "5000")
    assert (row["file"], row["rows"], row["task"], row["message"]) == (
        "mine.csv",
        "3",
        "verification",
        "first try",
    )
    assert "mine.csv (reference 5000): public score 0.0312" in capsys.readouterr().out


def test_the_same_content_is_refused_under_another_name(kaggle, clock, csv_file, capsys):
    assert submit() == 0
    csv_file.rename("renamed.csv")
    assert main(["submit", "--file", "renamed.csv", "--task", "verification"]) == 2
    message = capsys.readouterr().err
    assert "renamed.csv was already submitted" in message
    assert "as mine.csv (reference 5000, COMPLETE, public score 0.0312); --force submits it again" in message
    assert len(kaggle.competition.submissions) == 1


def test_the_same_content_is_found_on_kaggle_without_the_ledger(kaggle, clock, csv_file, capsys):
    assert submit() == 0
    for path in Path("submissions").iterdir():
        path.unlink()
    assert submit() == 2
    assert "was already submitted" in capsys.readouterr().err
    assert len(kaggle.competition.submissions) == 1


def test_force_submits_again_under_a_new_mark(kaggle, clock, csv_file):
    assert submit() == 0
    assert submit("--force") == 0
    first, second = kaggle.competition.submissions
    assert first.description.endswith(" 1]") and second.description.endswith(" 2]")
    assert [row["reference"] for row in rows()] == ["5000", "5001"]


def test_a_dry_run_reads_and_sends_nothing(kaggle, clock, csv_file, capsys):
    assert submit("--dry-run") == 0
    asked = str(kaggle.requests)
    assert "GetSubmissionLimits" in asked
    assert "StartSubmissionUpload" not in asked and "CreateSubmission" not in asked
    assert kaggle.competition.submissions == []
    assert [row["status"] for row in rows()] == ["WRITTEN"]
    out = capsys.readouterr().out
    assert f"{SLUG}: 5 of 5 uploads left today, by Kaggle; 1 upload planned" in out
    assert "mine.csv: not measured: the file was not made here" in out


def test_a_written_file_keeps_its_row_when_it_is_uploaded(kaggle, clock, csv_file):
    assert submit("--dry-run") == 0
    assert submit() == 0
    assert [row["status"] for row in rows()] == ["COMPLETE"]


def test_rules_that_were_not_accepted_are_named_with_their_page(kaggle, clock, csv_file, capsys):
    kaggle.competition.accepted = False
    assert submit() == 2
    message = capsys.readouterr().err
    assert "You must accept this competition's rules" in message
    assert f"https://www.kaggle.com/competitions/{SLUG}/rules" in message


def test_a_wrong_slug_is_told_with_the_nearest_one(kaggle, clock, csv_file, capsys):
    assert submit("competition.slug=faces-in-clas-2026") == 2
    message = capsys.readouterr().err
    assert "Kaggle knows no competition 'faces-in-clas-2026'" in message
    assert f"did you mean '{SLUG}'?" in message


@pytest.mark.parametrize("method", ["ListSubmissions", "StartSubmissionUpload", "CreateSubmission"])
def test_retry_after_is_waited_for(kaggle, clock, csv_file, method):
    kaggle.fail(method, Fault(429, "Too many requests", {"Retry-After": "17"}))
    assert submit() == 0
    assert clock.slept[0] == 17.0
    assert len(kaggle.competition.submissions) == 1


def test_retry_after_may_be_a_date(kaggle, clock, csv_file):
    kaggle.fail("ListSubmissions", Fault(429, "", {"Retry-After": "Sun, 22 Nov 2026 13:00:40 GMT"}))
    assert submit() == 0
    assert clock.slept[0] == 40.0


def test_a_wait_of_an_hour_is_told_instead_of_waited_for(kaggle, clock, csv_file, capsys):
    kaggle.fail("ListSubmissions", Fault(429, "Too many requests", {"Retry-After": "3600"}))
    assert submit() == 2
    assert "asks to wait for 3600 s; try again later" in capsys.readouterr().err
    assert clock.slept == []


@pytest.mark.parametrize("method", ["ListSubmissions", "StartSubmissionUpload", "PUT", "CreateSubmission"])
@pytest.mark.parametrize("fault", [Fault(500, "Internal error"), Fault(cut=True)])
def test_a_passing_failure_is_tried_again(kaggle, clock, csv_file, method, fault):
    kaggle.fail(method, fault)
    assert submit() == 0
    (made,) = kaggle.competition.submissions
    assert made.content == ROWS.encode()
    assert [row["status"] for row in rows()] == ["COMPLETE"]


@pytest.mark.parametrize("hidden_lists", [0, 3])
@pytest.mark.parametrize(
    "fault",
    [
        Fault(502, "Bad gateway", after=True),
        Fault(504, "Gateway timeout", after=True),
        Fault(408, "Request timeout", after=True),
        Fault(cut=True, after=True),
    ],
)
def test_a_submission_that_arrived_although_the_answer_failed_is_not_repeated(
    kaggle, clock, csv_file, fault, hidden_lists
):
    kaggle.competition.next_hidden_lists = hidden_lists  # Kaggle lists it a little later
    kaggle.fail("CreateSubmission", fault)
    assert submit() == 0
    assert len(kaggle.competition.submissions) == 1
    assert [(row["status"], row["reference"]) for row in rows()] == [("COMPLETE", "5000")]


def test_a_file_that_was_rewritten_before_its_turn_is_not_sent(kaggle, clock, csv_file, capsys):
    kaggle.before_answer["GetSubmissionLimits"] = lambda: csv_file.write_text(ROWS.replace("0.75", "9"))
    assert submit() == 2
    message = capsys.readouterr().err
    assert "mine.csv changed since it was checked, and was not sent; run the same command again" in message
    assert kaggle.asked("StartSubmissionUpload") == []
    assert [row["status"] for row in rows()] == ["WRITTEN"]


def test_a_file_that_is_rewritten_while_it_is_sent_goes_up_as_checked(kaggle, clock, csv_file):
    kaggle.fail("CreateSubmission", Fault(503, "Overloaded"))
    kaggle.before_answer["StartSubmissionUpload"] = lambda: csv_file.write_text("other")
    assert submit() == 0
    assert [made.content for made in kaggle.competition.submissions] == [ROWS.encode()]
    assert {body["fileName"] for body in kaggle.asked("StartSubmissionUpload")} == {"mine.csv"}


def test_a_server_that_stays_broken_is_given_up_on(kaggle, clock, csv_file, capsys):
    kaggle.fail("CreateSubmission", *[Fault(503, "Overloaded")] * 20)
    assert submit() == 2
    assert "Kaggle says 'Overloaded'; an error on its side (503); try again later" in capsys.readouterr().err
    assert len(kaggle.asked("CreateSubmission")) == 6
    assert [(row["status"], row["error"]) for row in rows()] == [("FAILED", "Overloaded")]
    kaggle.faults.clear()
    assert submit() == 0
    assert [row["status"] for row in rows()] == ["FAILED", "COMPLETE"]


def test_a_connection_cut_in_the_middle_of_the_upload_is_taken_up_again(kaggle, clock, csv_file):
    kaggle.cut_uploads_after.append(10)
    assert submit() == 0
    assert [made.content for made in kaggle.competition.submissions] == [ROWS.encode()]


def test_an_upload_that_never_arrives_is_no_success(kaggle, clock, csv_file, capsys):
    kaggle.cut_uploads_after.extend([10] * 200)
    assert submit() == 2
    assert "Kaggle could not be reached, the file did not arrive" in capsys.readouterr().err
    assert kaggle.competition.submissions == []
    assert [row["status"] for row in rows()] == ["FAILED"]


def test_an_accepted_file_that_is_never_listed_is_told_and_not_repeated(kaggle, clock, csv_file, capsys):
    kaggle.competition.next_hidden_lists = 1000
    assert submit() == 2
    message = capsys.readouterr().err
    assert (
        "accepted mine.csv ('Successfully submitted to Faces in class', reference 5000) but does not"
        in message
    )
    assert submit() == 2
    assert "do not upload it again" in capsys.readouterr().err
    assert len(kaggle.competition.submissions) == 1
    kaggle.competition.submissions[0].hidden_lists = 0
    assert main(["submit", "--wait"]) == 0
    assert [(row["status"], row["public_score"]) for row in rows()] == [("COMPLETE", "0.0312")]


def test_an_error_of_the_scoring_is_told_in_kaggles_words(kaggle, clock, csv_file, capsys):
    words = "Submission contains 3 rows, expected 6000"
    kaggle.competition.next_states = [{"status": "PENDING"}, {"status": "ERROR", "errorDescription": words}]
    assert submit() == 2
    assert f"mine.csv has no score: Kaggle says '{words}'" in capsys.readouterr().err
    assert [(row["status"], row["error"]) for row in rows()] == [("ERROR", words)]


def test_a_score_that_takes_too_long_is_picked_up_later(kaggle, clock, csv_file, capsys):
    kaggle.competition.next_states = [{"status": "PENDING"}]
    assert submit("submit.wait_minutes=3") == 0
    assert sum(clock.slept) == 180
    assert "PENDING, no score yet; later: kaggle-face submit --wait" in capsys.readouterr().out
    kaggle.competition.submissions[0].states = [{"status": "COMPLETE", "publicScore": "0.5"}]
    assert main(["submit", "--wait"]) == 0
    assert "public score 0.5" in capsys.readouterr().out
    assert len(kaggle.competition.submissions) == 1


def test_losing_kaggle_while_waiting_loses_no_upload(kaggle, clock, csv_file, capsys):
    kaggle.competition.next_states = [{"status": "PENDING"}]
    clock.on_sleep = lambda seconds: kaggle.fail("ListSubmissions", Fault(503, "Overloaded"))
    assert submit() == 2
    message = capsys.readouterr().err
    assert "uploaded, but cannot list the submissions" in message and "kaggle-face submit --wait" in message
    clock.on_sleep = lambda seconds: None
    kaggle.faults.clear()
    kaggle.competition.submissions[0].states = [{"status": "COMPLETE", "publicScore": "0.5"}]
    assert main(["submit", "--wait"]) == 0
    assert [row["status"] for row in rows()] == ["COMPLETE"]


def test_nothing_to_wait_for_is_said(kaggle, clock, csv_file, capsys):
    assert main(["submit", "--wait"]) == 0
    assert "no upload waits for its score" in capsys.readouterr().out


def test_a_used_up_day_is_told_before_the_upload(kaggle, clock, csv_file, capsys):
    for _ in range(5):
        kaggle.add_submission("by hand", publicScore="0.1")
    assert submit() == 2
    message = capsys.readouterr().err
    assert (
        "no submission is left today: 5 were made; the next day begins at 00:00 UTC, in 11 h 0 min" in message
    )
    assert kaggle.asked("StartSubmissionUpload") == []


def test_the_reserve_is_kept(kaggle, clock, csv_file, capsys):
    for _ in range(3):
        kaggle.add_submission("by hand")
    assert submit("submit.reserve=2") == 2
    assert "only 2 submissions left today, and submit.reserve keeps 2" in capsys.readouterr().err
    assert submit("submit.reserve=1") == 0


def test_a_limit_that_only_the_upload_meets_is_told_in_kaggles_words(kaggle, clock, csv_file, capsys):
    kaggle.competition.zero_limits = True
    kaggle.competition.max_daily = 0
    assert submit() == 2
    assert "Your team has used its daily Submission allowance (0) today" in capsys.readouterr().err
    assert [row["status"] for row in rows()] == ["FAILED"]


def test_a_team_without_any_submission_is_not_taken_for_one_at_its_limit(kaggle, clock, csv_file):
    kaggle.competition.zero_limits = True
    assert submit() == 0


@pytest.mark.slow
@pytest.mark.ci
def test_two_at_the_same_time_upload_once(kaggle, csv_file, run_alone):
    words = ["submit", "--file", "mine.csv", "--task", "verification", "submit.wait_minutes=0"]
    both = [run_alone(*words) for _ in range(2)]
    outputs = [process.communicate() for process in both]
    assert sorted(process.returncode for process in both) == [0, 2], outputs
    assert any("was already submitted" in error for _, error in outputs)
    assert len(kaggle.competition.submissions) == 1
    assert len(rows()) == 1


def send_from_two_folders(kaggle: KaggleServer, run_alone, number: int) -> list[tuple[int, str]]:
    """The codes and complaints of two processes that send the same new content at the same moment."""
    folders = [Path(f"first-{number}"), Path(f"second-{number}")]
    for folder in folders:
        (folder / "configs").mkdir(parents=True)
        (folder / "configs" / "faces.yaml").write_bytes(Path("configs/faces.yaml").read_bytes())
        (folder / "mine.csv").write_text(ROWS + f"3,0.{number + 1}\n")
    words = ["submit", "--file", "mine.csv", "--task", "verification", "submit.wait_minutes=0"]
    both = [run_alone(*words, cwd=folder) for folder in folders]
    return [(process.communicate()[1], process.returncode)[::-1] for process in both]


@pytest.mark.slow
@pytest.mark.ci
def test_the_same_content_from_two_folders_goes_up_once(kaggle, run_alone):
    outcomes = send_from_two_folders(kaggle, run_alone, 0)
    assert sorted(code for code, _ in outcomes) == [0, 2], outcomes
    assert any("was already submitted" in error for _, error in outcomes)
    assert len(kaggle.competition.submissions) == 1


def test_an_upload_that_was_killed_in_another_folder_is_not_repeated(
    kaggle, clock, csv_file, kill_before_answer, monkeypatch, capsys
):
    kaggle.competition.next_hidden_lists = 3
    kill_before_answer("CreateSubmission", "submit", "--file", "mine.csv", "--task", "verification")
    other = Path("other")
    (other / "configs").mkdir(parents=True)
    (other / "configs" / "faces.yaml").write_bytes(Path("configs/faces.yaml").read_bytes())
    (other / "mine.csv").write_text(ROWS)
    monkeypatch.chdir(other)
    assert submit() == 2
    assert "mine.csv was already submitted" in capsys.readouterr().err
    assert len(kaggle.competition.submissions) == 1


@pytest.mark.slow
def test_the_same_content_from_two_folders_never_goes_up_twice(kaggle, run_alone):
    kaggle.competition.max_daily = 100
    for number in range(8):
        kaggle.competition.next_hidden_lists = number % 3  # Kaggle lists what it took a little later
        send_from_two_folders(kaggle, run_alone, number)
        assert len(kaggle.competition.submissions) == number + 1


def test_a_second_upload_from_another_machine_is_told(kaggle, clock, csv_file, capsys):
    upload = kaggle.create_submission

    def twice(body):
        upload(body)
        return upload(body)

    kaggle.create_submission = twice
    assert submit() == 0
    assert "Kaggle lists the same content also as 5000" in capsys.readouterr().err
    assert [(row["reference"], row["status"]) for row in rows()] == [
        ("5001", "COMPLETE"),
        ("5000", "COMPLETE"),
    ]


def test_uploads_go_on_where_no_lock_can_be_held(kaggle, clock, csv_file, capsys, monkeypatch):
    Path("no-folder").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", "no-folder")
    assert submit() == 0
    assert "uploads from other folders at the same time are not held back" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["ListSubmissions", "PUT", "CreateSubmission"])
def test_a_silent_server_is_given_up_and_asked_again(kaggle, clock, csv_file, capsys, method):
    kaggle.silent.add(method)
    assert submit("submit.silent_seconds=0.3") == 2
    message = capsys.readouterr()
    words = "the file did not arrive" if method == "PUT" else "it was silent for 0.3 s"
    assert f"Kaggle could not be reached, {words}; run the same command again" in message.err
    assert f"({words}); next try in 16 s" in message.out
    assert len(kaggle.asked(method)) == 6
    kaggle.silent.clear()
    assert submit() == 0
    assert len(kaggle.competition.submissions) == 1


def test_a_server_that_is_silent_after_it_took_the_file_gets_no_second_one(kaggle, clock, csv_file):
    kaggle.before_answer["CreateSubmission"] = kaggle.hang
    assert submit("submit.silent_seconds=0.3") == 0
    assert len(kaggle.competition.submissions) == 1


def test_a_kill_between_upload_and_ledger_loses_and_repeats_nothing(
    kaggle, clock, csv_file, kill_before_answer, capsys
):
    kill_before_answer("CreateSubmission", "submit", "--file", "mine.csv", "--task", "verification")
    assert [(row["status"], row["reference"]) for row in rows()] == [("UPLOADING", "")]
    assert submit() == 0
    assert "Kaggle has this file already, as 5000: the row is completed" in capsys.readouterr().out
    assert len(kaggle.competition.submissions) == 1
    assert [(row["status"], row["reference"]) for row in rows()] == [("COMPLETE", "5000")]


def test_a_kill_before_the_file_arrived_is_found_out_and_the_file_uploaded(
    kaggle, clock, csv_file, kill_before_answer
):
    kill_before_answer("StartSubmissionUpload", "submit", "--file", "mine.csv", "--task", "verification")
    assert submit() == 0
    assert sum(clock.slept[:8]) >= 60, "Kaggle had time to list it"
    assert len(kaggle.competition.submissions) == 1
    assert [row["status"] for row in rows()] == ["FAILED", "COMPLETE"]


def test_wait_finds_out_about_an_upload_that_was_killed(kaggle, clock, csv_file, kill_before_answer):
    kill_before_answer("CreateSubmission", "submit", "--file", "mine.csv", "--task", "verification")
    assert main(["submit", "--wait"]) == 0
    assert [(row["status"], row["public_score"]) for row in rows()] == [("COMPLETE", "0.0312")]


def test_wait_asks_no_competition_without_an_open_upload(kaggle, clock, csv_file):
    kaggle.competition.next_states = [{"status": "PENDING"}]
    assert submit("submit.wait_minutes=0") == 0
    kaggle.competition.submissions[0].states = [{"status": "COMPLETE", "publicScore": "0.5"}]
    kaggle.competitions["classes-2026"] = Competition("classes-2026", accepted=False)
    assert main(["submit", "--wait", "submit.classification.slug=classes-2026"]) == 0
    assert [(row["status"], row["public_score"]) for row in rows()] == [("COMPLETE", "0.5")]


def test_wait_leaves_an_upload_that_is_under_way_to_its_process(kaggle, clock, csv_file):
    refusals = []

    def look_meanwhile() -> None:
        kaggle.before_answer.clear()
        session = KaggleSession(None, Ledger(Path("submissions")), SystemClock(), SilentProgress())
        with pytest.raises(RunError) as refusal:
            resume_open(session, SLUG)
        refusals.append(str(refusal.value))

    kaggle.before_answer["CreateSubmission"] = look_meanwhile
    assert submit() == 0
    assert refusals == ["another upload from submissions has been under way for 30 min"]
    with sqlite3.connect("submissions/ledger.sqlite") as connection:
        kinds = {kind for (kind,) in connection.execute("SELECT kind FROM events")}
    assert kinds == {"written", "upload_started", "uploaded", "status"}
    assert [(row["status"], row["public_score"]) for row in rows()] == [("COMPLETE", "0.0312")]


def test_each_task_goes_to_its_own_competition(kaggle, clock, csv_file):
    kaggle.competitions["classes-2026"] = Competition("classes-2026")
    assert main(["submit", "--file", "mine.csv", "--task", "classification",
                 "submit.classification.slug=classes-2026"]) == 0  # fmt: skip
    assert len(kaggle.competitions["classes-2026"].submissions) == 1
    assert kaggle.competition.submissions == []
    assert [row["competition"] for row in rows()] == ["classes-2026"]


def test_the_rows_of_the_history_cannot_be_changed(kaggle, clock, csv_file):
    assert submit() == 0
    connection = sqlite3.connect("submissions/ledger.sqlite")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("DELETE FROM events")
    kinds = [kind for (kind,) in connection.execute("SELECT kind FROM events ORDER BY number")]
    connection.close()
    assert kinds[:3] == ["written", "upload_started", "uploaded"] and set(kinds[3:]) == {"status"}

"""Whatever happens to files between two stages: the CSVs are those of a fresh run, or a command refuses."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from tests.pipeline.conftest import Workspace, run_stages

Change = tuple[str, int]

LAST_STAGE = 4
CHANGES = (
    "touch",
    "rewrite",
    "reorder test pairs",
    "reorder labelled pairs",
    "cut test pairs",
    "replace test picture",
    "replace face of a pair",
    "replace training picture",
    "replace dev picture",
    "add test picture",
    "add training picture",
    "add class",
    "rename class",
    "rename test picture",
    "remove test picture",
    "remove training picture",
    "add junk",
    "add junk folder",
    "add picture of another suffix",
    "swap test pictures",
    "delete image cache",
    "swap records of checkpoints",
    "delete records",
    "old blend",
)
"""What may happen; the number beside it says to which file."""


def change(work: Workspace, what: str, number: int) -> None:
    """Does one thing to the raw folder or to the run folder."""
    draw = random.Random(number)
    lists = {"test": work.root / "test_pairs.txt", "labelled": work.root / "val_pairs.txt"}
    test, dev, train = (work.images(f"cls_data/{split}") for split in ("test", "dev", "train"))
    faces = work.images("ver_data")
    match what:
        case "touch":
            draw.choice([*test, *train, *faces, *lists.values()]).touch()
        case "rewrite":
            path = draw.choice([*test, *train, *faces])
            path.write_bytes(path.read_bytes())
        case "reorder test pairs" | "reorder labelled pairs":
            path = lists[what.split()[1]]
            lines = path.read_text().splitlines()
            draw.shuffle(lines)
            path.write_text("\n".join(lines) + "\n")
        case "cut test pairs":
            lines = lists["test"].read_text().splitlines()
            kept = draw.randrange(1, max(2, len(lines)))
            lists["test"].write_text("\n".join(lines[:kept]) + "\n")
        case "replace test picture":
            draw.choice(test).write_bytes(draw.choice(faces).read_bytes())
        case "replace face of a pair":
            draw.choice(faces).write_bytes(draw.choice(test or faces).read_bytes())
        case "replace training picture":
            draw.choice(train).write_bytes(draw.choice(faces).read_bytes())
        case "replace dev picture":
            draw.choice(dev).write_bytes(draw.choice(faces).read_bytes())
        case "add test picture":
            (work.root / "cls_data/test" / f"{900000 + number}.jpg").write_bytes(
                draw.choice(faces).read_bytes()
            )
        case "add training picture":
            path = draw.choice(train)
            path.with_name(f"{900 + number}.jpg").write_bytes(draw.choice(faces).read_bytes())
        case "add class":
            for split in ("train", "dev"):
                folder = work.root / "cls_data" / split / f"a{number:06d}"
                folder.mkdir(exist_ok=True)
                for copy in range(3):
                    (folder / f"{copy}.jpg").write_bytes(draw.choice(faces).read_bytes())
        case "rename class":
            name = draw.choice(train).parent.name
            for split in ("train", "dev"):
                (work.root / "cls_data" / split / name).rename(
                    work.root / "cls_data" / split / f"z{number}{name}"
                )
        case "rename test picture":
            path = draw.choice(test)
            path.rename(path.with_name(f"{800000 + number}.jpg"))
        case "remove test picture":
            draw.choice(test).unlink()
        case "remove training picture":
            draw.choice(train).unlink()
        case "add junk":
            (work.root / "cls_data" / ".DS_Store").write_bytes(b"junk")
        case "add junk folder":
            junk = work.root / "cls_data" / draw.choice(["train", "dev"]) / "@eaDir"
            junk.mkdir(exist_ok=True)
            (junk / f"{number}.jpg").write_bytes(draw.choice(faces).read_bytes())
        case "add picture of another suffix":
            path = draw.choice([*train, *test])
            path.with_suffix(".JFIF").write_bytes(draw.choice(faces).read_bytes())
        case "swap test pictures":
            first, second = draw.sample(test, 2)
            one, other = first.read_bytes(), second.read_bytes()
            first.write_bytes(other)
            second.write_bytes(one)
        case "delete image cache":
            shutil.rmtree(work.path / "packs", ignore_errors=True)
        case "swap records of checkpoints":
            _swap(work.fold / "test/best_cls", work.fold / "oof/best_cls")
        case "delete records":
            shutil.rmtree(work.fold / "test/best_ver", ignore_errors=True)
        case "old blend":
            blend = work.run / "ensemble"
            if blend.is_dir():
                (blend / "pairs" / "pairs.csv").write_text("pair_id,label\n0,-1\n")
        case _:
            raise AssertionError(what)


def _swap(first: Path, second: Path) -> None:
    if first.is_dir() and second.is_dir():
        aside = first.with_name("aside")
        first.rename(aside)
        second.rename(first)
        aside.rename(second)


def state_of(root: Path) -> str:
    """The digest of all names and contents of a raw folder."""
    total = sha256()
    for path in sorted(root.rglob("*")):
        if path.is_file():
            total.update(str(path.relative_to(root)).encode() + b"\0" + sha256(path.read_bytes()).digest())
    return total.hexdigest()


class Fresh:
    """The CSVs of all stages on a raw folder, each state of which is trained once."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, bytes] | None] = {}

    def csvs(self, work: Workspace) -> dict[str, bytes] | None:
        """The CSVs of a fresh run, or None where a stage refuses."""
        state = state_of(work.root)
        if state not in self._known:
            with tempfile.TemporaryDirectory() as folder:
                shutil.copytree(work.path / "data", Path(folder, "data"))
                shutil.copytree(work.path / "configs", Path(folder, "configs"))
                code = run_stages(Path(folder))
                self._known[state] = None if code else Workspace(Path(folder)).csvs()
        return self._known[state]


histories = some.tuples(
    some.integers(0, 2),  # the stage after which the history begins: train, predict, ensemble
    some.lists(
        some.tuples(some.integers(0, 2), some.sampled_from(CHANGES), some.integers(0, 99)),
        min_size=1,
        max_size=3,
    ),
)
"""Where it begins, and changes with the number of stages after that at which each happens."""


@pytest.fixture(scope="module")
def tried() -> dict[str, int]:
    return {"refused": 0, "equal": 0}


def try_history(
    begin: int,
    changes: list[tuple[int, str, int]],
    finished_workspaces: list[Path],
    fresh: Fresh,
) -> str:
    """Runs the rest of the stages with changes between them: 'refused', or 'equal' after the comparison."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(finished_workspaces[begin], Path(folder, "work"))
        work = Workspace(Path(folder, "work"))
        for stage in range(begin + 1, LAST_STAGE):
            for after, what, number in changes:
                if after == stage - begin - 1:
                    change(work, what, number)
            code = run_stages(work.path, stage, stage + 1)
            assert code in (0, 2), changes
            if code:
                return "refused"
        expected = fresh.csvs(work)
        assert expected is not None, f"a fresh run refuses, this one did not: {changes}"
        assert work.csvs() == expected, changes
        return "equal"


def _test(count: int) -> Callable[..., None]:
    @settings(
        max_examples=count,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(history=histories)
    def run(
        history: tuple[int, list[tuple[int, str, int]]],
        finished_workspaces: list[Path],
        shared_fresh: Fresh,
        tried: dict[str, int],
    ) -> None:
        begin, changes = history
        outcome = try_history(begin, changes, finished_workspaces, shared_fresh)
        tried[outcome] += 1

    return run


@pytest.fixture(scope="module")
def shared_fresh() -> Fresh:
    return Fresh()


test_six_histories_end_like_a_fresh_run_or_are_refused = _test(6)
test_thirty_histories_end_like_a_fresh_run_or_are_refused = pytest.mark.slow(_test(30))
test_three_hundred_histories_end_like_a_fresh_run_or_are_refused = pytest.mark.soak(_test(300))


@pytest.mark.parametrize("what", CHANGES)
def test_every_change_is_one_that_a_history_can_make(
    what: str, finished_workspaces: list[Path], tmp_path: Path
) -> None:
    shutil.copytree(finished_workspaces[2], tmp_path / "work")
    work = Workspace(tmp_path / "work")
    before = [(path, path.stat().st_ctime_ns) for path in sorted(work.path.rglob("*"))]
    change(work, what, 7)
    assert [(path, path.stat().st_ctime_ns) for path in sorted(work.path.rglob("*"))] != before

"""`kaggle-face people evaluate`: one-shot recognition measured on a folder of `<name>/<picture>`."""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaggle_face.cli.recognition.options import open_model, open_reader, say_json
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import DataError, InputError

if TYPE_CHECKING:
    from kaggle_face.metrics.intervals.bootstrap import Interval
    from kaggle_face.recognition.compared_models import Embedded, FaceSet, System
    from kaggle_face.recognition.evaluation import Comparison, EpisodeResult, ShotResult, SizeResult
    from kaggle_face.recognition.gallery.enrolment import PictureReader
    from kaggle_face.records import StrArray


def add_evaluation_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `people evaluate`."""
    group = parser.add_argument_group("evaluate")
    for name, default, meaning in (
        ("--sizes", None, "people of a gallery (default: all with two pictures)"),
        ("--shots", [1, 2, 5], "pictures enrolled (default: 1,2,5)"),
        ("--ways", [5, 20], "people of an episode (default: 5,20)"),
    ):
        group.add_argument(name, type=_counts, default=default, metavar="N,...", help=meaning)
    group.add_argument("--draws", type=int, default=10, metavar="N", help="galleries of a size (default: 10)")
    group.add_argument("--seed", type=int, default=0, metavar="N", help="of the draws (default: 0)")
    group.add_argument("--compare", choices=["dlib"], help="measure this beside it, on the same draws")
    group.add_argument("--keep", type=Path, metavar="DIR", help="keep embeddings there for the next time")


def evaluate_people(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Embeds all pictures with each system and prints how well each knows the people."""
    from kaggle_face.recognition.compared_models import RunSystem
    from kaggle_face.recognition.evaluation import measure_episodes, measure_shots, measure_sizes

    embedder = open_model(arguments, None, terminal)
    systems: list[System] = [RunSystem(embedder)]
    if arguments.compare == "dlib":
        from benchmarks.recognition.dlib_recognizer import DlibRecognizer

        systems.append(DlibRecognizer())
    reader = open_reader(arguments, embedder.card.image_size)
    faces, image_ids = _read_faces(Path(arguments.words[0]), reader, terminal)
    embedded = [_embed(system, faces, image_ids, arguments.keep, terminal) for system in systems]
    sizes = arguments.sizes or [_count_mated(faces)]
    of_sizes, comparisons = measure_sizes(faces, embedded, sizes, arguments.draws, arguments.seed)
    of_shots = measure_shots(faces, embedded, arguments.shots, arguments.seed)
    of_episodes = measure_episodes(faces, embedded, arguments.ways, arguments.seed)
    if arguments.json:
        results = {
            "systems": [_described(one) for one in embedded],
            "sizes": of_sizes,
            "comparisons": comparisons,
            "shots": of_shots,
            "episodes": of_episodes,
        }
        say_json(terminal, _plain(results))
        return
    terminal.say(f"{len(set(faces.people.tolist()))} people, {len(faces.people)} pictures")
    _tell_systems(embedded, terminal)
    _tell_sizes(of_sizes, comparisons, terminal)
    _tell_shots(of_shots, terminal)
    _tell_episodes(of_episodes, terminal)


def _counts(text: str) -> list[int]:
    """Numbers from 1, separated by commas.

    Raises:
        InputError: A word is no such number.
    """
    words = text.split(",")
    wrong = [word for word in words if not word.isdecimal() or int(word) < 1]
    if wrong:
        raise InputError(f"numbers from 1, separated by commas, are needed, got '{wrong[0]}' in '{text}'")
    return [int(word) for word in words]


def _read_faces(root: Path, reader: PictureReader, terminal: Terminal) -> tuple[FaceSet, StrArray]:
    """All faces that can be read, and their pictures' names below the folder."""
    import numpy as np

    from kaggle_face.competitions.files.listing import PictureLister
    from kaggle_face.recognition.compared_models import FaceSet

    if not root.is_dir():
        raise InputError(f"there is no folder {root} of <name>/<picture>")
    lister = PictureLister(root)
    files = [name for names in lister.of_classes("", may_be_empty=True).values() for name in names]
    for note in lister.notes():
        terminal.warn(note)
    if not files:
        raise DataError(f"{root} holds no folders with pictures")
    crops, ids, left_out = [], [], 0
    with terminal.count("reading", len(files), "pictures") as counter:
        for file in files:
            try:
                crops.append(reader.read(root / file, str(root / file)).crop)
                ids.append(file)
            except DataError as error:
                left_out += 1
                terminal.warn(f"left out: {error}")
            counter.advance()
    people = np.array([name.partition("/")[0] for name in ids])
    if left_out:
        terminal.warn(f"{left_out} of {len(files)} pictures were left out, for every system")
    return FaceSet(people, crops), np.array(ids)


def _count_mated(faces: FaceSet) -> int:
    """How many people have two images or more."""
    import numpy as np

    counts = np.unique(faces.people, return_counts=True)[1]
    return int((counts > 1).sum())


def _embed(
    system: System, faces: FaceSet, image_ids: StrArray, keep: Path | None, terminal: Terminal
) -> Embedded:
    """The embeddings of a system, or those that were kept of the same pictures."""
    import numpy as np

    from kaggle_face.artifacts.record_io import read_embeddings, write_embeddings
    from kaggle_face.artifacts.seals import digest_of, has_seal, read_seal
    from kaggle_face.recognition.compared_models import Embedded, embed_set
    from kaggle_face.records import Embeddings

    if keep is None:
        return embed_set(system, faces, terminal)
    folder = keep / system.fingerprint
    pictures = digest_of(*(crop.tobytes() for crop in faces.crops), *image_ids.tolist())
    if has_seal(folder) and read_seal(folder).made_of.get("pictures") == pictures:
        kept = read_embeddings(folder)
        return Embedded(system, np.array(kept.aligned_to(image_ids).vectors), math.nan)
    found = embed_set(system, faces, terminal)
    write_embeddings(folder, Embeddings(image_ids, found.vectors), {"pictures": pictures})
    return found


def _described(one: Embedded) -> dict[str, Any]:
    return {"name": one.system.name, "fingerprint": one.system.fingerprint, "ms_per_face": one.milliseconds}


def _tell_systems(embedded: Sequence[Embedded], terminal: Terminal) -> None:
    for one in embedded:
        speed = "" if math.isnan(one.milliseconds) else f", {one.milliseconds:.1f} ms a face on this machine"
        terminal.say(f"{one.system.name} [{one.system.fingerprint[:8]}]{speed}")


def _tell_sizes(results: Sequence[SizeResult], comparisons: Sequence[Comparison], terminal: Terminal) -> None:
    rows = [
        [
            one.system,
            f"{one.size}",
            _interval(one.rank1),
            _interval(one.rank5),
            f"{100 * one.dir_mean:.2f} ± {100 * one.dir_spread:.2f}",
            f"{one.probes // one.draws}",
            f"{one.strangers}",
        ]
        for one in results
    ]
    header = ["system", "people", "rank-1 %", "rank-5 %", "DIR@FPIR 1 %", "probes", "strangers"]
    terminal.lines(["", f"One image enrolled, mean of {results[0].draws} draws, [95 % interval over people]"])
    terminal.table(header, rows)
    for one in comparisons:
        terminal.say(
            f"{one.first} less {one.second} at {one.size} people: rank-1 {100 * one.value:+.2f} points "
            f"[{100 * one.low:+.2f}, {100 * one.high:+.2f}]"
        )


def _tell_shots(results: Sequence[ShotResult], terminal: Terminal) -> None:
    if not results:
        return
    terminal.lines(["", f"Images enrolled of each of {results[0].people} people, the same probes: rank-1 %"])
    rows = [[one.system, str(one.shots), _interval(one.by_mean), _interval(one.by_best)] for one in results]
    terminal.table(["system", "images", "their mean (used)", "the best of them"], rows)


def _tell_episodes(results: Sequence[EpisodeResult], terminal: Terminal) -> None:
    terminal.lines(["", "One-shot episodes: accuracy % [95 % interval over episodes]"])
    rows = [
        [
            one.system,
            f"{one.ways}-way",
            f"{100 * one.accuracy.value:.2f} [{100 * one.accuracy.low:.2f}, {100 * one.accuracy.high:.2f}]",
        ]
        for one in results
    ]
    terminal.table(["system", "episode", "accuracy"], rows)


def _interval(found: Interval) -> str:
    return f"{100 * found.value:.2f} [{100 * found.low:.2f}, {100 * found.high:.2f}]"


def _plain(value: Any) -> Any:
    """Records as dictionaries; a number that was not measured as None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain(dataclasses.asdict(value))
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value

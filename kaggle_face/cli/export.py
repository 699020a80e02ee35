"""`kaggle-face export`: a run or a blend as ONNX files, with a table of what each costs and loses."""

from __future__ import annotations

import argparse
from pathlib import Path

from kaggle_face.artifacts.checkpoint_names import CHECKPOINTS
from kaggle_face.artifacts.run_choice import find_named_run, refuse_setting
from kaggle_face.cli.arguments import DEFAULT_RUN, CommandParser, options_of, split_list
from kaggle_face.cli.terminal import Terminal
from kaggle_face.extras import require_extra

_PRECISIONS = ("fp32", "fp16", "int8")
"""Those of `inference/onnx_file.py`, which takes long to import."""


def add_arguments_export(parser: CommandParser) -> None:
    """Declares the options of `export`."""
    parser.add_argument(
        "source",
        nargs="?",
        metavar="RUN | BLEND",
        help=f"a run, CONFIG/RUN, or the folder of a run, a fold or a blend ({DEFAULT_RUN})",
    )
    parser.add_settings_argument("settings whose runs are meant")
    parser.add_argument("--format", choices=["onnx"], default="onnx", help="default: onnx")
    parser.add_flag("--blend", "the blend that the run holds, as one graph")
    parser.add_argument("--fold", type=int, metavar="K", help="fold of the run (default: the first finished)")
    parser.add_argument(
        "--checkpoint", choices=CHECKPOINTS, help="default: best_ver where there is one; for logits best_cls"
    )
    parser.add_argument(
        "--outputs",
        choices=["embeddings", "logits", "both"],
        default="embeddings",
        help="embeddings of length 1 (default), logits of the head, or both",
    )
    parser.add_argument(
        "--precision",
        dest="precisions",
        type=precisions,
        metavar="NAME,...",
        help="of fp32,fp16,int8 (default: all; int8 only where training images are at hand)",
    )
    for name, what in (("flip", "mirror images"), ("crops", "moved crops")):
        parser.add_argument(
            f"--{name}",
            action=argparse.BooleanOptionalAction,
            help=f"average over {what} (default: as prediction does)",
        )
    parser.add_argument(
        "--out",
        dest="folder",
        type=Path,
        metavar="DIR",
        help="where the files go (default: exports/CONFIG/RUN-fold<K>-CHECKPOINT)",
    )


def run_export(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Writes the files, and prints a table of them."""
    require_extra("onnx")
    from kaggle_face.config import load_config
    from kaggle_face.pipeline.export.naming import folder_of, is_folder

    loaded = load_config(arguments.config)
    if is_folder(arguments.source):
        run, fold, blend = folder_of(Path(arguments.source), arguments.fold, arguments.blend)
    else:
        refuse_setting(loaded, arguments.config, arguments.source)
        run = find_named_run(loaded, arguments.source, terminal.log, "export")
        fold, blend = arguments.fold, arguments.blend
    # torch takes seconds to import: what can be refused is refused before.
    from kaggle_face.pipeline.export.results import PARITY_IMAGES, ExportOptions
    from kaggle_face.pipeline.export.stage import export_network
    from kaggle_face.summaries.prediction import describe_export

    options = options_of(ExportOptions, arguments, fold=fold, blend=blend, parity_images=PARITY_IMAGES)
    result = export_network(loaded.config.paths, run, options, terminal)
    for note in result.notes:
        terminal.warn(note)
    terminal.show(describe_export(result))


def precisions(text: str) -> list[str]:
    """Names of precisions, each once.

    >>> precisions("fp32,int8")
    ['fp32', 'int8']

    Raises:
        InputError: There is no such precision.
    """
    refusal = f"a precision is one of {', '.join(_PRECISIONS)}, got '{{word}}'"
    words = split_list(text, _PRECISIONS.__contains__, refusal)
    return [name for name in _PRECISIONS if name in words]

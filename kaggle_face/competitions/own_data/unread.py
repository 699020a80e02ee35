"""Files of own data that are not read: archives, and lists in other formats than text."""

from __future__ import annotations

from collections.abc import Sequence

_ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".7z", ".rar")
_LISTS = (
    *(".json", ".jsonl", ".ndjson", ".parquet", ".feather", ".pkl", ".pickle", ".npy", ".npz", ".mat", ".h5"),
    *(".hdf5", ".xlsx", ".xls", ".ods", ".xml", ".yaml", ".yml", ".csv.gz", ".tsv.gz", ".db", ".sqlite"),
)


def lines_on_unread(files: Sequence[str]) -> list[str]:
    """A line for each file that may hold images or lists and is not read, with what to do.

    >>> lines_on_unread(["a/train.zip", "readme.md"])
    ['a/train.zip: left aside, an archive; unpack it where it lies if it holds images or lists']
    """
    lines = []
    for file in files:
        if file.lower().endswith(_ARCHIVES):
            lines.append(
                f"{file}: left aside, an archive; unpack it where it lies if it holds images or lists"
            )
        elif file.lower().endswith(_LISTS):
            lines.append(
                f"{file}: left aside, lists are read from .csv, .tsv and .txt; if it names images, write it "
                f"as a CSV with a column of images and one of identities, such as image,person"
            )
    return lines

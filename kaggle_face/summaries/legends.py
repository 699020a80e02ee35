"""Legends of table columns, one short clause each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_COMMON: Mapping[str, str] = {
    "accuracy": "share of images whose class is right",
    "metric": "what is measured",
    "95 % interval": "where the value would lie with other people",
    "gain": "difference from the best single member on people not searched on, positive = better",
    "in-sample": "the same gain on the people that were searched on, which is too hopeful",
    "fold": "number from 0",
    "run": "settings/run",
    "task": "classification or verification",
}


def meanings(header: Sequence[str], own: Mapping[str, str]) -> dict[str, str]:
    """The meaning of each column of a table: by its own legend, else by that of all tables.

    >>> meanings(["metric", "EER"], {})
    {'metric': 'what is measured', 'EER': 'equal error rate'}
    """
    from kaggle_face.metrics.table import METRICS

    metrics = {word: each.meaning for each in METRICS.values() for word in (each.name, each.title)}
    known = {**metrics, **_COMMON, **own}
    missing = [name for name in header if name not in known]
    assert not missing, f"columns without a meaning: {missing}"
    return {name: known[name] for name in header}

"""Valid contents with a few things changed: bytes, lines, values of JSON, numbers of arrays."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

ODD_TEXTS = (
    "", " ", "\t", "0", "-1", "1.5", "1e999", "-1e999", "nan", "inf", "0x10", "010", "9" * 30, "9" * 5000,
    "1_0", "１", "true", "null", "~", "[]", "{}", "[1,", "{a: ", "a,b", '"', '"""', "'", "'x", "\\", "=1+1",
    "@x", "../x", "/etc/passwd", "C:\\x", "a/b", "a" * 300, "é", "e\u0301", "\u202ex", "\u2028", "\x1b[2J",
    "\ufeff", "!!int abc", "!!python/object:os.system x", "&a [*a]", "*a", "<<", "? x", "| x", "> x", "---",
    "%YAML 9", "# x", "- - -", ": :", "\x7f", "\x85", "😀", "None", "NaN", "Infinity", "\\ud800",
)  # fmt: skip
RAW_TEXTS = ("\0", "\r", "\n", "\r\n", "\x00\x00", "\x1a", "\x0b", "\x0c", "\x1c")
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 10**9, 2**31, 2**63, 2**64, 10**30, 10**400, -(10**400), 0.5, -0.0, 1e308,
    float("nan"), float("inf"), -float("inf"), "", "a", "1", "\0", "\n", "../..", "é" * 300, "\ud800", [], {},
    [[]], [1, "a"], [None], {"a": 1}, {"": {}}, {"a": {"b": [1, {"c": None}]}},
)  # fmt: skip
_EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


def mutated_bytes(random: Random, data: bytes, most: int = 4) -> bytes:
    """Flips, sets, cuts, repeats and inserts bytes in a few places."""
    content = bytearray(data)
    for _ in range(random.randint(1, most)):
        _mutate_once(random, content)
    return bytes(content)


def _mutate_once(random: Random, content: bytearray) -> None:
    place = random.randrange(len(content)) if content else 0
    length = random.choice((1, 1, 2, 4, 16, 100))
    match random.randrange(8):
        case 0 if content:
            content[place] ^= 1 << random.randrange(8)
        case 1 if content:
            content[place] = random.randrange(256)
        case 2:
            size = random.choice((1, 2, 4))
            edge = random.choice(_EDGES) & (256**size - 1)
            content[place : place + size] = edge.to_bytes(size, random.choice(("little", "big")))
        case 3:
            del content[place : place + length]
        case 4:
            content[place:place] = content[place : place + length] * random.choice((1, 2, 50))
        case 5:
            content[place:place] = random.randbytes(length)
        case 6:
            del content[place:]
        case _:
            other = random.randrange(len(content)) if content else 0
            content[place : place + length] = content[other : other + length]


def mutated_text(random: Random, text: str, most: int = 4) -> bytes:
    """Changes words and lines, and now and then the bytes, of a text."""
    for _ in range(random.randint(1, most)):
        text = _mutate_text_once(random, text)
    encoding = "utf-16" if random.random() < 0.01 else "utf-8"
    data = text.encode(encoding, "surrogatepass")
    return mutated_bytes(random, data, 2) if random.random() < 0.1 else data


def _mutate_text_once(random: Random, text: str) -> str:
    lines = text.split("\n")
    row = random.randrange(len(lines))
    odd = random.choice(ODD_TEXTS if random.random() < 0.85 else RAW_TEXTS)
    match random.randrange(9):
        case 0:
            del lines[row]
        case 1:
            lines.insert(row, lines[random.randrange(len(lines))])
        case 2:
            lines.insert(row, odd)
        case 3:
            other = random.randrange(len(lines))
            lines[row], lines[other] = lines[other], lines[row]
        case 4:
            lines[row] = _with_word(random, lines[row], odd)
        case 5:
            lines[row] = _with_word(random, lines[row], odd)
        case 6:
            place = random.randrange(len(lines[row]) + 1)
            lines[row] = lines[row][:place] + odd + lines[row][place:]
        case 7:
            lines[row] = lines[row][: random.randrange(len(lines[row]) + 1)]
        case _:
            lines[row] = random.choice(("    ", "  ", "\t", "")) + lines[row].lstrip()
    return "\n".join(lines)


def _with_word(random: Random, line: str, odd: str) -> str:
    separator = random.choice((",", " ", ": ", "=", "\t", "/"))
    words = line.split(separator)
    place = random.randrange(len(words))
    match random.randrange(4):
        case 0:
            del words[place]
        case 1:
            words.insert(place, words[place])
        case _:
            words[place] = odd
    return separator.join(words)


def mutated_value(random: Random, value: Any) -> Any:
    """A JSON value with one part replaced, removed, renamed or wrapped."""
    if isinstance(value, dict) and value and random.random() < 0.85:
        changed = dict(value)
        key = random.choice(list(changed))
        match random.randrange(8):
            case 0:
                del changed[key]
            case 1:
                changed[random.choice((*ODD_TEXTS, *list(changed)))] = changed.pop(key)
            case _:
                changed[key] = mutated_value(random, changed[key])
        return changed
    if isinstance(value, list) and value and random.random() < 0.7:
        items = list(value)
        place = random.randrange(len(items))
        match random.randrange(5):
            case 0:
                del items[place]
            case 1:
                items *= random.choice((2, 3))
            case _:
                items[place] = mutated_value(random, items[place])
        return items
    match random.randrange(6):
        case 0:
            return [value]
        case 1:
            return {"a": value}
        case 2:
            return str(value)
        case _:
            return random.choice(ODD_VALUES)


def mutated_json(random: Random, text: str) -> bytes:
    """A JSON text whose values, and now and then its letters, are others."""
    if random.random() < 0.15:
        return mutated_text(random, text, 2)
    value = json.loads(text)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        value = mutated_value(random, value)
    made = json.dumps(value, indent=random.choice((None, 2)), ensure_ascii=random.random() < 0.5)
    if random.random() < 0.02:
        made = made.replace("1", "[" * random.choice((50, 5000)), 1)
    return made.encode("utf-8", "surrogatepass")


def mutated_array(random: Random, array: np.ndarray) -> bytes:
    """A `.npy` file of another type, shape or content, or a damaged one."""
    changed: Any = array.copy()
    match random.randrange(12):
        case 0:
            changed = changed.astype(random.choice(("f2", "f8", "i4", "u1", "c8", ">f4", "?", "U3", "S2")))
        case 1:
            changed = np.array(random.choice((0.5, 1, "a", True)))
        case 2:
            changed = changed[: random.randrange(len(changed) + 1)] if changed.ndim else changed
        case 3:
            changed = changed.reshape(-1)
        case 4:
            changed = np.concatenate([changed, changed])
        case 5:
            changed = changed[..., None]
        case 6 | 7 if changed.size and changed.dtype.kind == "f":
            changed.flat[random.randrange(changed.size)] = random.choice((np.nan, np.inf, -np.inf, 1e4))
        case 8:
            return _several(changed)
        case 9:
            changed = np.zeros(3, [("a", "f4"), ("b", "i4")])
        case _:
            return mutated_bytes(random, _npy(changed), 3)
    return _npy(changed) if random.random() < 0.9 else mutated_bytes(random, _npy(changed), 2)


def mutated_zip(random: Random, data: bytes, change: Callable[[Random, str, bytes], bytes]) -> bytes:
    """An archive with a changed member, name or entry, or with changed bytes."""
    if random.random() < 0.5:
        return mutated_bytes(random, data, 3)
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        members = [(info, source.read(info)) for info in source.infolist()]
    place = random.randrange(len(members))
    info, content = members[place]
    match random.randrange(5):
        case 0:
            del members[place]
        case 1:
            members.insert(place, (zipfile.ZipInfo(random.choice(ODD_NAMES)), content))
        case _:
            members[place] = (info, change(random, info.filename, content))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", random.choice(_METHODS)) as target:
        for each, text in members:
            target.writestr(each.filename, text)
    made = stream.getvalue()
    return mutated_bytes(random, made, 2) if random.random() < 0.2 else made


ODD_NAMES = (
    "../x", "/x", "a\\b.jpg", "a\\..\\..\\x", "C:x", ".", "a/", "a", "a/b", "A", "é", "e\u0301", "x.", "x ",
    "x" * 300, "x/" * 200 + "y", "\x1b[2J", "new\nline", "\u202ex", "con", "a//b", "./a", "images.csv",
)  # fmt: skip
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=array.dtype.hasobject)
    return stream.getvalue()


def _several(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, a=array)
    return stream.getvalue()

"""The page of all settings, made from the comments of `configs/base.yaml`.

python -m docs.making.settings      # writes docs/settings.md anew
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "configs" / "base.yaml"
PAGE = ROOT / "docs" / "settings.md"
INTRODUCTION = """\
# Settings

Every setting with its default, made from [base.yaml](../configs/base.yaml) by
`python -m docs.making.settings`. A settings file of your own names only what differs:

```yaml
extends: base
model:
  backbone: resnet34
optim:
  lr: 0.05
```

It is `configs/NAME.yaml`, meant by `-c NAME`. On the command line a setting is one word, such as
`optim.lr=0.05`; in Python an entry of a mapping, `{"optim.lr": 0.05}`. An unknown key or a value out of range
is one line that names it. A default of `null` means that nothing is set.
"""
OTHERS = "Everything else"
"""The heading of settings that are in no part."""

_LINE = re.compile(r"(?P<indent> *)(?P<key>\w+):(?P<value>[^#]*)(?:#(?P<comment>.*))?$")
_LATER = re.compile(r" {20,}#(?P<comment>.*)$")
_ITEM = re.compile(r" *(?P<item>- [^#]*)$")
_SPECIAL = re.compile(r"(`[^`]*`)|([\\*_<\[\]|])")


@dataclass
class Setting:
    """A line of the settings file: the full key, the default as written, and the lines of its comment.

    `value` is empty where the key is a group of settings.
    """

    key: str
    value: str
    comment: list[str] = field(default_factory=list)


def read_settings(text: str) -> Iterator[Setting]:
    """The settings and groups of a commented settings file, in its order.

    Raises:
        ValueError: A line is neither a setting nor a comment that goes on.
    """
    keys: list[str] = []
    setting: Setting | None = None
    for line in text.splitlines():
        if later := _LATER.match(line):
            assert setting is not None
            setting.comment.append(later["comment"].strip())
        elif found := _LINE.match(line):
            if setting is not None:
                yield setting
            keys = [*keys[: len(found["indent"]) // 2], found["key"]]
            comment = [found["comment"].strip()] if found["comment"] else []
            setting = Setting(".".join(keys), found["value"].strip(), comment)
        elif item := _ITEM.match(line):
            assert setting is not None
            setting.value = f"{setting.value} {item['item']}".strip()
        elif line and not line.startswith("#"):
            raise ValueError(f"a line of the settings that this script cannot read: {line}")
    if setting is not None:
        yield setting


def page(text: str) -> str:
    """The page in Markdown: a heading for each part of the settings, a table row for each setting."""
    lines, heading = [INTRODUCTION], ""
    for setting in read_settings(text):
        part, _, rest = setting.key.partition(".")
        if not (setting.value or setting.comment):
            continue
        of_setting = OTHERS if not rest and setting.value else part
        if of_setting != heading:
            heading = of_setting
            lines += ["", f"## {heading}", ""]
            lines += [f"{_sentence(setting.comment)}", ""] if not setting.value else []
            lines += ["| setting | default | meaning |", "|---|---|---|"]
        if rest or setting.value:
            default = f"`{setting.value}`" if setting.value else ""
            lines.append(f"| `{setting.key}` | {default} | {_escaped(' '.join(setting.comment))} |")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def _sentence(comment: list[str]) -> str:
    text = _escaped(" ".join(comment))
    return f"{text[0].upper()}{text[1:]}."


def _escaped(text: str) -> str:
    """Markdown that shows the text as it is, code between backticks left as code."""
    return _SPECIAL.sub(lambda found: found[1] or f"\\{found[2]}", text)


if __name__ == "__main__":
    PAGE.write_text(page(SOURCE.read_text(encoding="utf-8")), encoding="utf-8")

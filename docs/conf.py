"""The site of this folder: `python -m sphinx -aEW --keep-going docs build/docs` (extra docs).

Pages are plain Markdown that also reads well in the repository. Nothing is loaded from the network, while
building or while reading: formulas become MathML, which browsers draw by themselves.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from docutils.utils.math import latex2mathml

project = "kaggle-face"
author = "the kaggle-face authors"
extensions = ["myst_parser"]
root_doc = "index"
exclude_patterns = ["making", "notebooks", "pictures"]
nitpicky = True
myst_heading_anchors = 3
myst_fence_as_directive = ["math"]
myst_enable_extensions = ["dollarmath"]
html_theme = "furo"
html_title = "kaggle-face"
html_math_renderer = "mathml"
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
highlight_language = "none"
pygments_style = "friendly"

_GROUP = re.compile(r"^## (?P<title>.+)\n(?P<body>(?:(?!## ).*\n?)*)", re.MULTILINE)
_PAGE = re.compile(r"^- \[[^\]]+\]\((?P<page>[\w-]+)\.md\)", re.MULTILINE)


def with_navigation(text: str) -> str:
    """The index with a hidden toctree for each of its lists: the list is the order of the navigation."""
    lists = [(group["title"], _PAGE.findall(group["body"])) for group in _GROUP.finditer(text)]
    trees = [
        "\n".join(["```{toctree}", ":hidden:", f":caption: {title}", "", *pages, "```", ""])
        for title, pages in lists
        if pages
    ]
    return "\n".join([text, *trees])


def add_navigation(app: Any, docname: str, source: list[str]) -> None:
    """Hands the index on with its navigation."""
    if docname == root_doc:
        source[0] = with_navigation(source[0])


def visit_math(translator: Any, node: nodes.math | nodes.math_block) -> None:
    """Writes a formula as MathML."""
    is_block = isinstance(node, nodes.math_block)
    formula = latex2mathml.tex2mathml(node.astext(), as_block=is_block)
    translator.body.append(f"<p>{formula}</p>" if is_block else formula)
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Adds the navigation and the formulas."""
    app.connect("source-read", add_navigation)
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math, None))
    return {"parallel_read_safe": True}

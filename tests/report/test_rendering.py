"""Texts stay texts: in HTML, in the JSON of charts, and in what plotly reads as markup."""

from __future__ import annotations

import json
import re

import numpy as np

from kaggle_face.report.blocks import Card, Cards, Column, Figure, Paragraph, Picture, Table
from kaggle_face.report.rendering import chart_json, data_script, render_blocks

NAME = '<script>alert("x")</script><b>&'


def test_no_text_of_a_block_becomes_markup() -> None:
    blocks = (
        Paragraph(NAME),
        Table(NAME, (Column(NAME),), ((NAME,),), NAME),
        Cards(NAME, (Card((Picture(None, NAME), Picture("data:,", NAME)), NAME, (NAME,), NAME),), NAME),
        Figure(NAME, NAME, ({"name": NAME, "text": [NAME]},)),
    )
    html = render_blocks(blocks, "key")
    assert "<script>alert" not in html and "<b>" not in html
    assert html.count("&lt;script&gt;alert(&quot;x&quot;)") >= 12


def test_charts_hold_names_that_plotly_shows_as_they_are() -> None:
    figure = Figure("t", "s", ({"text": [NAME], "hovertemplate": "<b>%{text}</b>"},))
    (trace,) = chart_json(figure)["traces"]
    assert trace["text"] == ['&lt;script&gt;alert("x")&lt;/script&gt;&lt;b&gt;&amp;']
    assert trace["hovertemplate"] == "<b>%{text}</b>"


def test_json_in_a_script_cannot_end_the_script_and_reads_back() -> None:
    value = {"a": ["</script><!--", 1.5, None]}
    text = data_script("x", value)
    inner = text[text.index(">") + 1 : text.rindex("<")]
    assert "<" not in inner and json.loads(inner) == value


def test_numbers_of_charts_are_rounded_and_gaps_are_null() -> None:
    figure = Figure("t", "s", ({"y": np.array([1 / 3, np.nan, np.inf]), "n": np.int64(3)},))
    assert chart_json(figure)["traces"][0] == {"y": [0.33333, None, None], "n": 3}


def test_a_table_shows_rounded_numbers_and_sorts_by_exact_ones() -> None:
    columns = (Column("a"), Column("b", 2, "number"), Column("c", 1, "percent"), Column("d", 0, "number"))
    rows = (("x", 0.12345, 0.5, 12345), ("y", -0.0001, None, None))
    html = render_blocks((Table("t", columns, rows),), "k")
    cells = re.findall(r"<td[^>]*>(.*?)</td>", html)
    dash = '<span class="faint">-</span>'
    assert cells == ["x", "0.12", "50.0 %", "12,345", "y", "0.00", dash, dash]
    assert 'data-value="0.12345"' in html and 'data-value="-0.0001"' in html


def test_each_column_of_a_table_can_be_sorted_by_a_button() -> None:
    html = render_blocks((Table("t", (Column("a"), Column("b")), (("x", "y"),)),), "k")
    assert html.count('<th scope="col"><button type="button" class="sort">') == 2

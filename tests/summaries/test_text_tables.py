"""Text tables fit their width, whatever names they hold."""

from __future__ import annotations

from kaggle_face.summaries.text_tables import WIDTH, format_table, legend_lines


def test_a_long_name_loses_its_middle_and_numbers_stay_whole() -> None:
    name = "a" * 60 + "b" * 60
    shown = format_table(["run", "EER"], [[name, "0.123456"]], width=40).splitlines()
    assert max(map(len, shown)) == 40
    cut = shown[2].split()
    assert cut[0].startswith("aaaa") and ".." in cut[0] and cut[0].endswith("bbbb")
    assert cut[1] == "0.123456"


def test_text_of_the_last_column_goes_on_below() -> None:
    words = "out of date because the training images changed since the fold was trained"
    shown = format_table(["what", "state"], [["fold 0", words], ["fold 1", "current"]], width=50)
    lines = shown.splitlines()
    assert max(map(len, lines)) <= 50 and lines[3].startswith(" " * len("fold 0  "))
    joined = " ".join(line[8:].strip() for line in lines[2:-1])
    assert joined == words and lines[-1] == "fold 1  current"


def test_words_of_any_column_go_on_below_and_none_is_lost() -> None:
    rows = [
        ["> mean of ranks", "+0.0000", "0.50 0.50"],
        ["  constrained weights of calibrated log-probabilities", "+0.1000", "0.20 0.20 0.20 0.20 0.20"],
    ]
    shown = format_table(["blend", "gain", "weights"], rows, width=60).splitlines()
    assert max(map(len, shown)) <= 60 and ".." not in "".join(shown)
    cells = [line[: line.index("+")] if "+" in line else line for line in shown[3:]]
    words = " ".join(cells).split()
    assert " ".join(word for word in words if not word.startswith("0.")) == rows[1][0].strip()
    assert all(line.startswith("  ") for line in cells)
    assert " ".join(shown[3:]).count("0.20") == 5 and shown[2].startswith("> mean of ranks ")


def test_a_legend_names_every_column_once_in_lines_that_fit() -> None:
    header = ["fold", "EER", "EER"]
    lines = legend_lines(header, {"fold": "number " * 20, "EER": "equal error rate"})
    assert all(len(line) <= WIDTH for line in lines)
    assert " ".join(lines).count("EER: ") == 1 and lines[0].startswith("  fold: number number")

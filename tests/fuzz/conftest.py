"""The fuzz tests' helpers are found, and the inputs that were tried are counted."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    from tests.support.fuzzing import INPUTS

    tried = sum(count for what, count in INPUTS.items() if not what.endswith(", refused"))
    if not tried:
        return
    terminalreporter.section("inputs tried")
    for what, count in INPUTS.items():
        terminalreporter.line(f"{count:7,} {what}")
    terminalreporter.line(f"{tried:7,} in all")

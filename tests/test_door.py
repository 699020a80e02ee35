"""The public names of the package: all there, documented, and loaded when they are first used."""

from __future__ import annotations

import doctest
import inspect
import pydoc
import subprocess
import sys

import pytest

import kaggle_face as kf

MODULES = ("metrics", "heads", "losses")
DOCUMENTED = [name for name in kf.__all__ if name != "__version__"]


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_public_name_is_there_and_documented(name: str) -> None:
    found = getattr(kf, name)
    assert (found.__doc__ or "").strip()
    assert name in dir(kf)
    if name not in MODULES:
        assert found.__name__ == name
        assert found.__module__.startswith("kaggle_face.")


@pytest.mark.parametrize("module", MODULES)
def test_what_a_module_exports_is_documented_with_an_example(module: str) -> None:
    exported = getattr(kf, module)
    finder = doctest.DocTestFinder(recurse=False)
    without = []
    for name in exported.__all__:
        found = getattr(exported, name)
        if inspect.isfunction(found) or (inspect.isclass(found) and not inspect.isabstract(found)):
            assert found.__doc__, name
            if inspect.isfunction(found) and not any(test.examples for test in finder.find(found)):
                without.append(name)
    assert without == []


def test_a_name_that_is_not_public_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = kf.nothing


def test_the_help_reads_as_a_tour() -> None:
    text = pydoc.plain(pydoc.render_doc(kf))
    for name in ("open_project", "Project", "metrics", "heads", "KaggleFaceError"):
        assert name in text


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, kaggle_face; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "torch", "pandas", "pydantic", "yaml", "PIL"} & set(done.stdout.split())

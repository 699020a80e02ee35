"""Which tests run in one process, because they share what takes long to make.

pytest-xdist 3.8 reads its groups from node ids, which pytest 9.2 no longer lets it change: its own mark is
without effect there. The paths of the tests are known wherever tests are scheduled.
"""

from __future__ import annotations

from typing import Any

from xdist.scheduler import LoadScopeScheduling

TOGETHER = {
    "tests/pipeline/": "stages",
    "tests/cli/blending/": "trained",
    "tests/cli/test_chain.py": "trained",
    "tests/cli/test_export.py": "stages",
    "tests/inference/test_onnx_embedder.py": "stages",
    "tests/inference/test_onnx_file.py": "stages",
    "tests/cli/test_raw_folders.py": "raw folders",
    "tests/cli/test_soak.py": "launcher",
    "tests/cli/test_stopping.py": "launcher",
    "tests/cli/training/test_train.py": "launcher",
    "tests/cli/recognition/test_app.py": "launcher",
    "tests/cli/recognition/test_gallery.py": "gallery",
    "tests/cli/training/test_tune.py": "launcher",
    "tests/project/test_project.py": "project",
    "tests/repository/test_dependencies.py": "sources",
    "tests/repository/test_layers.py": "sources",
    "tests/train/loggers/test_observer.py": "loggers",
    "tests/train/parallel/": "processes",
    "tests/train/test_distributed.py": "processes",
    "tests/synthetic/test_dataset.py": "generated",
    "tests/repository/test_counts.py": "sources",
    "tests/cli/training/test_soup.py": "soups",
    "tests/recognition/app/test_page.py": "faces",
    "tests/recognition/app/test_page_layout.py": "faces",
    "tests/report/test_browser.py": "faces",
    "tests/report/data_page/test_page.py": "faces",
    "tests/recognition/detection/": "faces",
    "tests/docs/test_running_blocks.py": "documentation",
    "tests/docs/test_site.py": "documentation",
}
"""Beginnings of node ids, with the name of their group."""


class GroupScheduling(LoadScopeScheduling):
    """Deals tests out one by one, except those of a group, which go to one process."""

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        """Forgets what is done: xdist counts all that a process ever got, at each test, for what is left."""
        super().mark_test_complete(node, item_index, duration)
        units = self.assigned_work[node]
        scope = self._split_scope(self.registered_collections[node][item_index])
        if all(units[scope].values()):
            del units[scope]

    def _split_scope(self, nodeid: str) -> str:
        return next((group for path, group in TOGETHER.items() if nodeid.startswith(path)), nodeid)

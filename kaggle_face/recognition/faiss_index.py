"""An approximate index for more than a million people: the only file that imports faiss.

Letters: P people, Q queries, D embedding size, K neighbours.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import MissingExtraError

Float32 = npt.NDArray[np.float32]

_PROBED_SHARE = 0.05  # of the cells; on prototypes drawn at random 98 of 100 best matches are found
_TRAINING_ROWS_PER_CELL = 64
_SEED = 0


class FaissIndex:
    """Cells of prototypes around 4 sqrt(P) centres, of which the nearest are searched (IVF, inner product).

    Raises:
        MissingExtraError: faiss is not installed.
    """

    def __init__(self, vectors: Float32) -> None:
        try:
            import faiss
        except ImportError:
            raise MissingExtraError("faiss-cpu", "index") from None
        num_cells = max(1, min(round(4 * math.sqrt(len(vectors))), len(vectors) // 39))
        index: Any = faiss.index_factory(vectors.shape[1], f"IVF{num_cells},Flat", faiss.METRIC_INNER_PRODUCT)
        self._index = index
        self._index.nprobe = max(1, math.ceil(_PROBED_SHARE * num_cells))
        sample = min(len(vectors), _TRAINING_ROWS_PER_CELL * num_cells)
        chosen = np.sort(np.random.default_rng(_SEED).choice(len(vectors), sample, replace=False))
        self._index.train(np.ascontiguousarray(vectors[chosen]))
        for start in range(0, len(vectors), 65_536):
            self._index.add(np.ascontiguousarray(vectors[start : start + 65_536]))

    def search(self, queries: Float32, k: int) -> tuple[Float32, npt.NDArray[np.int64]]:
        """Scores (Q, K) and rows (Q, K), best first, of queries (Q, D) of length 1."""
        scores, rows = self._index.search(np.ascontiguousarray(queries), min(k, self._index.ntotal))
        return np.clip(scores, -1.0, 1.0), rows

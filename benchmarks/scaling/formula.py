"""Communication and memory of a step by formula, with a replicated and with a sharded head.

B images of the whole batch, C classes, D embedding size, N processes. In a ring of them each sends, for a
whole of b bytes, 2 b (N - 1) / N for an all-reduce, b (N - 1) / N for an all-gather or a reduce-scatter;
all numbers are float32.
"""

from __future__ import annotations

from dataclasses import dataclass

_FLOAT, _DOUBLE = 4, 8
_COPIES_OF_WEIGHTS = 3
"""Weight, gradient, momentum."""
_COPIES_OF_LOGITS = 3
"""Of a softmax head, kept for the backward pass; counted by `kaggle_face.train.speed.roofline`."""


@dataclass(frozen=True)
class Step:
    """A step of a training by several processes.

    Attributes:
        body_weights: Of backbone and neck.
        statistics: Running statistics of batch normalisation.
        embedding_size: D.
        classes: C.
        images: B, of all processes.
        processes: N.
        is_sharded: Whether each process holds its part of the classes.
    """

    body_weights: int
    statistics: int
    embedding_size: int
    classes: int
    images: int
    processes: int
    is_sharded: bool

    @property
    def all_reduced_bytes(self) -> int:
        """The wholes of all all-reduces."""
        head = 0 if self.is_sharded else self.classes * self.embedding_size
        # Largest logits with and without margin; three sums of each row, and two that the metrics need.
        rows = (2 + 5) * self.images if self.is_sharded else 0
        # Before, embeddings were gathered by adding up tensors that were zero elsewhere.
        gathered = 0 if self.is_sharded else self.images * self.embedding_size
        norm = _DOUBLE if self.is_sharded else 0  # of the head's gradient, a part of which each has
        return _FLOAT * (self.body_weights + self.statistics + head + rows + gathered) + norm

    @property
    def gathered_bytes(self) -> int:
        """The wholes of the all-gather of embeddings and the reduce-scatter of their gradients."""
        return 2 * _FLOAT * self.images * self.embedding_size if self.is_sharded else 0

    @property
    def sent_bytes(self) -> float:
        """The bytes that each process sends."""
        return (2 * self.all_reduced_bytes + self.gathered_bytes) * (self.processes - 1) / self.processes

    @property
    def held_classes(self) -> float:
        """Classes in each process."""
        return self.classes / self.processes if self.is_sharded else self.classes

    @property
    def head_operations(self) -> float:
        """Operations of the head's products in each process, forward and backward."""
        return 6.0 * self.images * self.embedding_size * self.held_classes

    @property
    def weight_bytes(self) -> float:
        """Bytes of weights, gradients and momentum in each process."""
        weights = self.body_weights + self.held_classes * self.embedding_size
        return _COPIES_OF_WEIGHTS * _FLOAT * weights

    @property
    def logit_bytes(self) -> float:
        """Bytes that head and loss keep in each process."""
        return _COPIES_OF_LOGITS * _FLOAT * self.images * self.held_classes


RESNET_18 = {"body_weights": 11_432_512, "statistics": 10_624, "embedding_size": 512}
"""With the stem for small images and the neck `linear_bn`."""


def rows(images_each: int = 128) -> list[tuple[str, ...]]:
    """The table of docs/scaling.md: classes, processes, head, MB sent, TFLOP, GB of weights and of logits."""
    found: list[tuple[str, ...]] = []
    for classes in (8631, 300_000):
        for processes in (2, 8, 64):
            for is_sharded in (False, True):
                step = Step(
                    **RESNET_18,
                    classes=classes,
                    images=images_each * processes,
                    processes=processes,
                    is_sharded=is_sharded,
                )
                found.append(
                    (
                        f"{classes:,}",
                        str(processes),
                        "divided" if is_sharded else "whole",
                        f"{step.sent_bytes / 1e6:.1f}",
                        f"{step.head_operations / 1e12:.3f}",
                        f"{step.weight_bytes / 1e9:.2f}",
                        f"{step.logit_bytes / 1e9:.3f}",
                    )
                )
    return found

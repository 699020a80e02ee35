"""GPUs by their data sheets: peak arithmetic without sparsity, memory bandwidth and size.

Figures of tensor cores that a data sheet states with sparsity alone are halved, as by its footnotes. Peaks
are those of the boost clock, which no training holds for long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Precision = Literal["fp32", "fp16", "bf16"]


@dataclass(frozen=True)
class Gpu:
    """A GPU by its data sheet.

    Attributes:
        name: As people call it.
        where: Where its users meet it.
        fp32_tflops: Peak of float32 in 10^12 operations a second.
        tf32_tflops: Peak of TF32, PyTorch's default for float32 convolutions; None: there is none.
        half_tflops: Peak of fp16 or bf16.
        amp: The precision that `train.amp=auto` takes there.
        gb_per_second: Bandwidth of its memory in 10^9 bytes a second.
        memory_gb: Its memory in 10^9 bytes.
        source: The data sheet.
    """

    name: str
    where: str
    fp32_tflops: float
    tf32_tflops: float | None
    half_tflops: float
    amp: Precision
    gb_per_second: float
    memory_gb: float
    source: str


GPUS: tuple[Gpu, ...] = (
    Gpu(
        "P100",
        "Kaggle",
        *(9.3, None, 18.7, "fp32", 732.0, 16.0),
        "NVIDIA Tesla P100 PCIe GPU accelerator, data sheet, PCIe with 16 GB: "
        "nvidia.com/content/dam/en-zz/Solutions/Data-Center/tesla-p100/pdf/nvidia-tesla-p100-PCIe-datasheet.pdf",
    ),
    Gpu(
        "T4",
        "Kaggle (two of them), Colab",
        *(8.1, None, 65.0, "fp16", 320.0, 16.0),
        "NVIDIA T4 tensor core GPU, data sheet: "
        "nvidia.com/content/dam/en-zz/Solutions/Data-Center/tesla-t4/t4-tensor-core-datasheet-951643.pdf",
    ),
    Gpu(
        "L4",
        "Kaggle, Colab",
        *(30.3, 60.0, 121.0, "bf16", 300.0, 24.0),
        "NVIDIA L4 tensor core GPU, data sheet (tensor cores stated with sparsity: 120, 242): "
        "nvidia.com/en-us/data-center/l4",
    ),
    Gpu(
        "A100",
        "Colab",
        *(19.5, 156.0, 312.0, "bf16", 1555.0, 40.0),
        "NVIDIA A100 tensor core GPU, data sheet, 40 GB: "
        "nvidia.com/content/dam/en-zz/Solutions/Data-Center/a100/pdf/nvidia-a100-datasheet-us-nvidia-1758950-r4-web.pdf",
    ),
    Gpu(
        "H100",
        "lab machines",
        *(67.0, 494.5, 989.5, "bf16", 3350.0, 80.0),
        "NVIDIA H100 tensor core GPU, data sheet, SXM (tensor cores stated with sparsity: 989, 1,979): "
        "nvidia.com/en-us/data-center/h100",
    ),
    Gpu(
        "H200",
        "lab machines",
        *(67.0, 494.5, 989.5, "bf16", 4800.0, 141.0),
        "NVIDIA H200 tensor core GPU, data sheet, SXM (tensor cores stated with sparsity: 989, 1,979): "
        "nvidia.com/en-us/data-center/h200",
    ),
)


def gpu_named(name: str) -> Gpu:
    """The GPU of a name in the table.

    >>> gpu_named("T4").gb_per_second
    320.0
    """
    return next(gpu for gpu in GPUS if gpu.name == name)

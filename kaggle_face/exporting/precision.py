"""Graphs with smaller numbers: half precision, and 8-bit integers (static quantisation)."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import InputError, MissingExtraError
from kaggle_face.inference.onnx_file import (
    EMBEDDINGS,
    INPUT,
    KEY,
    LOGITS,
    OnnxDescription,
    with_checksum,
)

_IN_FULL_PRECISION = frozenset(("input_scaling", "joined_embeddings", "class_scores"))
"""Modules of the graph whose numbers would not fit half precision, or lose digits that count."""
_AT_ONCE = 16


def described(data: bytes, description: OnnxDescription) -> bytes:
    """The file with its description and its checksum."""
    onnx = _library()
    model = onnx.load_from_string(data)
    model.producer_name, model.producer_version = "kaggle-face", description.version
    model.doc_string = ""
    for node in model.graph.node:
        node.ClearField("doc_string")
    widths = {EMBEDDINGS: description.embedding_size, LOGITS: len(description.classes)}
    for output in model.graph.output:  # the exporter names lengths that it does not know
        images, width = output.type.tensor_type.shape.dim
        images.dim_param, width.dim_value = "images", widths[output.name]
    del model.metadata_props[:]
    entry = model.metadata_props.add()
    entry.key, entry.value = KEY, description.to_text()
    return with_checksum(model.SerializeToString())


def half_precision(data: bytes) -> bytes:
    """The graph with weights and maps in float16; input, outputs, scaling and scores stay as they are.

    Raises:
        MissingExtraError: onnx or onnxruntime is not installed.
        InputError: A step has no form in half precision.
    """
    onnx = _library()
    from onnxruntime.transformers.float16 import convert_float_to_float16

    with _explained("be written in half precision"):
        model = onnx.load_from_string(data)
        converted = convert_float_to_float16(
            model, keep_io_types=True, node_block_list=_nodes_in_full_precision(model)
        )
        return bytes(converted.SerializeToString())


def quantized(data: bytes, images_NHW3: npt.NDArray[np.uint8]) -> bytes:
    """The graph in 8-bit integers, whose ranges are those that the images (N, H, W, 3) reach.

    Weights are quantised by channel and to 7 bits: products of pairs of them overflow in no CPU
    (onnxruntime, "Quantize ONNX Models": reduce_range, for AVX2 and AVX512 without VNNI).

    Raises:
        MissingExtraError: onnx or onnxruntime is not installed.
        InputError: onnxruntime cannot quantise the graph.
    """
    onnx = _library()
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with _explained("be quantised"), tempfile.TemporaryDirectory() as folder, _quiet():
        source, prepared, target = (Path(folder, f"{name}.onnx") for name in ("source", "prepared", "int8"))
        source.write_bytes(data)
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(target),
            _reader_of(images_NHW3),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=_nodes_in_full_precision(onnx.load(str(prepared))),
        )
        return target.read_bytes()


def _reader_of(images_NHW3: npt.NDArray[np.uint8]) -> Any:
    """The images in batches, as onnxruntime takes them for calibration."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc, unused-ignore] # it has no types
        def __init__(self) -> None:
            starts = range(0, len(images_NHW3), _AT_ONCE)
            self._batches = iter([images_NHW3[start : start + _AT_ONCE] for start in starts])

        def get_next(self) -> dict[str, npt.NDArray[np.uint8]] | None:
            batch = next(self._batches, None)
            return None if batch is None else {INPUT: batch}

    return Reader()


def _nodes_in_full_precision(model: Any) -> list[str]:
    return [node.name for node in model.graph.node if _IN_FULL_PRECISION & set(node.name.split("/"))]


def _library() -> Any:
    try:
        import onnx
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(error.name or "onnx", "onnx") from None
    return onnx


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except OSError:
        raise  # of the disk
    except Exception as error:  # the libraries raise what they like
        words = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"the graph cannot {what}: {words[:200]}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the quantiser's advice, and NumPy's word on weights that are all zero, from the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)

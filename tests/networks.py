"""Small real ONNX networks whose answers are known, and their cards."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

COLORS = ("red", "green", "blue")
CARD: dict[str, Any] = {
    "name": "colours",
    "version": 1,
    "model": "colours.onnx",
    "labels": list(COLORS),
    "softmax": True,
}
INPUT: dict[str, Any] = {
    "name": "image", "width": 8, "height": 8, "layout": "NCHW", "colors": "RGB", "mean": 0.0, "scale": 1 / 16,
    "resize": "stretch",
}  # fmt: skip


def colours(layout: str = "NCHW", size: int = 8, labels: int = 3, batch: object = "batch") -> bytes:
    """Averages each channel, then a matrix: the answer of channel c is its mean. More labels answer with 0."""
    matrix = np.zeros((3, labels), np.float32)
    matrix[range(3), range(3)] = 1
    axes, shape = ([2, 3], [batch, 3, size, size]) if layout == "NCHW" else ([1, 2], [batch, size, size, 3])
    nodes = [
        helper.make_node("ReduceMean", ["image", "axes"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "matrix"], ["answer"]),
    ]
    return _network(nodes, shape, [batch, labels], axes=np.array(axes, np.int64), matrix=matrix)


def echo(layout: str = "NCHW", size: int = 2) -> bytes:
    """Answers with the numbers it was given, in their order."""
    shape = [1, 3, size, size] if layout == "NCHW" else [1, size, size, 3]
    nodes = [helper.make_node("Reshape", ["image", "flat"], ["answer"])]
    return _network(nodes, shape, [1, 3 * size * size], flat=np.array([1, -1], np.int64))


def hangs_on_red(size: int = 8) -> bytes:
    """Like `colours`; then turns round as often as 10^15 times the mean of red, less a bit for dark pictures."""
    return _after_colours("Loop", size)


def hoards_on_red(size: int = 8) -> bytes:
    """Like `colours`; then makes a tensor of as many bytes as 10^11 times the mean of red."""
    return _after_colours("ConstantOfShape", size)


def _after_colours(operator: str, size: int) -> bytes:
    first = [
        helper.make_node("ReduceMean", ["image", "axes"], ["means"], keepdims=0),
        helper.make_node("Gather", ["means", "zero"], ["red"], axis=1),
        helper.make_node("Mul", ["red", "much"], ["how_much"]),
        helper.make_node("Cast", ["how_much"], ["count"], to=TensorProto.INT64),
    ]
    last = helper.make_node("Add", ["means", "nothing"], ["answer"])
    if operator == "Loop":
        much, middle = 1e15, _loop()
    else:
        much, middle = (
            1e9,
            [
                helper.make_node("ConstantOfShape", ["count"], ["many"]),
                helper.make_node("ReduceSum", ["many"], ["nothing"], keepdims=0),
            ],
        )
    return _network(
        [*first, *middle, last],
        [1, 3, size, size],
        [1, 3],
        axes=np.array([2, 3], np.int64),
        zero=np.array(0, np.int64),
        much=np.array(much, np.float32),
        start=np.array(0, np.float32),
        true=np.array(True),
    )


def _loop() -> list[Any]:
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["went"]), helper.make_node("Sin", ["sum"], ["next"])],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("sum", TensorProto.FLOAT, []),
        ],
        [
            helper.make_tensor_value_info("went", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, []),
        ],
    )
    return [
        helper.make_node("Squeeze", ["count"], ["turns"]),
        helper.make_node("Loop", ["turns", "true", "start"], ["nothing"], body=body),
    ]


def _network(nodes: Sequence[Any], shape: Sequence[Any], answer: Sequence[Any], **constants: Any) -> bytes:
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        list(nodes),
        "network",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, list(answer))],
        [numpy_helper.from_array(value, name) for name, value in constants.items() if name in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    checker.check_model(model)
    return bytes(model.SerializeToString())


def written(folder: Path, network: bytes, input: dict[str, Any] | None = None, **card: Any) -> Path:
    """The folder of a network and its card, which are the usual ones but for what is given; None leaves a field out."""
    folder.mkdir(parents=True, exist_ok=True)
    said = CARD | card
    (folder / str(said["model"])).write_bytes(network)
    lines = [f"{name} = {_toml(value)}" for name, value in said.items() if value is not None]
    fields = [f"{name} = {_toml(value)}" for name, value in (INPUT | (input or {})).items() if value is not None]
    (folder / "card.toml").write_text("\n".join([*lines, "[input]", *fields]) + "\n")
    return folder


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else repr(value)

"""A network of MobileNetV2's shape and cost (Sandler et al., 2018). Its weights are drawn: nothing it says is true."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SIDE, LABELS, STEM, LAST = 224, 1_000, 32, 1_280
# Expansion, channels, how many, stride of the first: table 2 of the paper.
BLOCKS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
CARD = f"""name = "mobilenetv2-random"
version = 1
model = "mobilenetv2.onnx"
labels = "labels.txt"
softmax = true
[input]
name = "input"
width = {SIDE}
height = {SIDE}
layout = "NCHW"
colors = "RGB"
mean = [123.675, 116.28, 103.53]
scale = [0.0171248, 0.0175070, 0.0174292]
resize = "crop"
crop_pct = 0.875
"""


class Layers:
    """Nodes and weights as they are added; every method answers the name of what comes out."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights = [self._tensor("zero", np.array(0.0)), self._tensor("six", np.array(6.0))]
        self._random = np.random.default_rng(1)

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def drawn(self, *shape: int) -> str:
        name = f"weight{len(self.weights)}"
        spread = np.sqrt(2 / np.prod(shape[1:]))
        self.weights.append(self._tensor(name, self._random.normal(0, spread, shape)))
        return name

    def convolved(self, of: str, kernel: tuple[int, int, int], stride: int = 1, groups: int = 1) -> str:
        """`kernel` is channels out, channels in of one group, and side."""
        weight, side = self.drawn(*kernel, kernel[2]), kernel[2]
        shape: dict[str, Any] = {
            "kernel_shape": [side, side],
            "strides": [stride] * 2,
            "pads": [side // 2] * 4,
            "group": groups,
        }
        return self.add("Conv", of, weight, **shape)

    def relu6(self, of: str) -> str:
        return self.add("Clip", of, "zero", "six")

    @staticmethod
    def _tensor(name: str, values: NDArray[Any]) -> Any:
        return numpy_helper.from_array(values.astype(np.float32), name)


def network() -> bytes:
    layers, channels = Layers(), STEM
    flow = layers.relu6(layers.convolved("input", (STEM, 3, 3), stride=2))
    for expansion, out, count, stride in BLOCKS:
        for number in range(count):
            flow = _bottleneck(layers, flow, (channels, out), expansion, stride if number == 0 else 1)
            channels = out
    flow = layers.relu6(layers.convolved(flow, (LAST, channels, 1)))
    pooled = layers.add("Flatten", layers.add("GlobalAveragePool", flow))
    answer = layers.add("MatMul", pooled, layers.drawn(LAST, LABELS))
    graph = helper.make_graph(
        layers.nodes,
        "mobilenetv2",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info(answer, TensorProto.FLOAT, [1, LABELS])],
        layers.weights,
    )
    opsets = [helper.make_opsetid("", 13)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


def _bottleneck(layers: Layers, flow: str, channels: tuple[int, int], expansion: int, stride: int) -> str:
    before, after = channels
    wide = before * expansion
    inner = flow if expansion == 1 else layers.relu6(layers.convolved(flow, (wide, before, 1)))
    inner = layers.relu6(layers.convolved(inner, (wide, 1, 3), stride, groups=wide))
    narrow = layers.convolved(inner, (after, wide, 1))
    return layers.add("Add", flow, narrow) if before == after and stride == 1 else narrow


def written(folder: Path) -> Path:
    """The folder, with the network and its card."""
    (folder / "mobilenetv2.onnx").write_bytes(network())
    (folder / "labels.txt").write_text("\n".join(f"label {number}" for number in range(LABELS)))
    (folder / "card.toml").write_text(CARD)
    return folder

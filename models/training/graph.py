"""The network as an ONNX graph for one text: integer products, fused attention, tables in eight bits.

Activations are quantised as they come, by the largest value of the text itself, so that no reading depends on another
text; weights by the largest value of each column; tables by the largest value of each row.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.training.network import HEADS_OF_ATTENTION

OPSET, CONTRIB = 17, "com.microsoft"
EPSILON = 1e-12
Array = NDArray[np.generic]
Floats = NDArray[np.float32]


class Graph:
    """Collects nodes and constants; every method answers the name of its output."""

    def __init__(self, exact: bool = False) -> None:
        self.nodes: list[object] = []
        self.constants: list[TensorProto] = []
        self._exact, self._count = exact, 0

    def node(self, kind: str, *inputs: str, domain: str = "", **attributes: object) -> str:
        """One operator with one output."""
        self._count += 1
        output = f"{kind.lower()}_{self._count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], domain=domain, **attributes))
        return output

    def name(self, kind: str, output: str, *inputs: str) -> None:
        """One operator whose output the model answers."""
        self.nodes.append(helper.make_node(kind, list(inputs), [output]))

    def constant(self, name: str, value: Array) -> str:
        """A constant under a name of its own."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def gather(self, name: str, table: Floats, ids: str) -> str:
        """Rows of a table."""
        if self._exact:
            return self.node("Gather", self.constant(name, table), ids)
        values, scales = quantised(table, axis=1)
        rows = self.node("Gather", self.constant(name, values), ids)
        scale = self.node("Gather", self.constant(f"{name}.scale", scales), ids)
        return self.node("Mul", self.node("Cast", rows, to=TensorProto.FLOAT), scale)

    def product(self, name: str, x: str, weight: Floats, bias: Floats | None = None) -> str:
        """`x @ weight + bias`; the weight has a column an output."""
        added = "" if bias is None else self.constant(f"{name}.bias", bias)
        if self._exact:
            y = self.node("MatMul", x, self.constant(name, weight))
            return self.node("Add", y, added) if added else y
        values, scales = quantised(weight, axis=0)
        stored = self.constant(name, values), self.constant(f"{name}.scale", scales[0])
        return self.node("DynamicQuantizeMatMul", x, *stored, "", added, domain=CONTRIB)

    def attention(self, name: str, x: str, weight: Floats, bias: Floats) -> str:
        """Of all heads; queries, keys and values stand side by side in the columns."""
        added = self.constant(f"{name}.bias", bias)
        if self._exact:
            return self.node(
                "Attention", x, self.constant(name, weight), added, domain=CONTRIB, num_heads=HEADS_OF_ATTENTION
            )
        self._count += 1
        parts = [f"{part}_{self._count}" for part in ("bytes", "scale", "zero")]
        self.nodes.append(helper.make_node("DynamicQuantizeLinear", [x], parts))
        values, scales = quantised(weight, axis=0)
        stored = self.constant(name, values), self.constant(f"{name}.scale", scales[0])
        zero = self.constant(f"{name}.zero", np.zeros(weight.shape[1], np.int8))
        inputs = (parts[0], stored[0], added, parts[1], stored[1], "", parts[2], zero)
        return self.node("QAttention", *inputs, domain=CONTRIB, num_heads=HEADS_OF_ATTENTION)

    def normed(self, name: str, x: str, skip: str, scale: Floats, shift: Floats) -> str:
        """The sum of both, normalised over its last axis: centred, then by the root of its mean square.

        onnxruntime's own operator for both together takes three times as long.
        """
        total = self.node("Add", x, skip)
        centred = self.node("Sub", total, self.node("ReduceMean", total, axes=[-1]))
        even = self.node(
            "SimplifiedLayerNormalization", centred, self.constant(f"{name}.scale", scale), axis=-1, epsilon=EPSILON
        )
        return self.node("Add", even, self.constant(f"{name}.shift", shift))

    def model(self, inputs: Mapping[str, list[str | int]], outputs: Mapping[str, list[str | int]]) -> bytes:
        """The whole, as a file holds it."""
        told = [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name, shape in inputs.items()]
        said = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()]
        versions = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)]
        graph = helper.make_graph(self.nodes, "vigie", told, said, self.constants)
        written: bytes = helper.make_model(graph, opset_imports=versions, ir_version=9).SerializeToString()
        return written


def quantised(values: Floats, axis: int) -> tuple[NDArray[np.int8], Floats]:
    """Signed bytes, and the scales along `axis` that make them floats again."""
    scales = np.maximum(np.abs(values).max(axis=axis, keepdims=True), 1e-8) / 127
    return np.rint(values / scales).astype(np.int8), scales.astype(np.float32)

"""The network as an ONNX graph for texts of one length: integer products, fused attention, tables in eight bits.

Activations are quantised by the ranges that were met in calibration (Jacob et al., 2018), so that no reading depends on
what is read with it; weights by the largest value of each column; tables by the largest value of each row.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.training.network import HEADS_OF_ATTENTION

OPSET, CONTRIB, FORMAT = 23, "com.microsoft", 10
EPSILON = 1e-12
REACH = 1.5  # times the median of what inputs reach; those that reach further are made smaller
Array = NDArray[np.generic]
Floats = NDArray[np.float32]
Ranges = Mapping[str, tuple[Floats, Floats]]  # by the product's name: the least and the largest of each of its inputs
Shape = list[str | int]


class Graph:
    """Collects nodes and constants; every method answers the name of its output. Without ranges all is in 32 bits."""

    def __init__(self, ranges: Ranges | None) -> None:
        self.nodes: list[object] = []
        self.constants: list[TensorProto] = []
        self._ranges, self._count = ranges, 0
        self._numbers: set[str] = set()

    def node(self, kind: str, *inputs: str, domain: str = "", **attributes: object) -> str:
        """One operator with one output."""
        return self.nodes_of(kind, 1, *inputs, domain=domain, **attributes)[0]

    def nodes_of(self, kind: str, count: int, *inputs: str, domain: str = "", **attributes: object) -> list[str]:
        """One operator with several outputs."""
        self._count += 1
        outputs = [f"{kind.lower()}_{self._count}_{at}" for at in range(count)]
        self.nodes.append(helper.make_node(kind, list(inputs), outputs, domain=domain, **attributes))
        return outputs

    def name(self, kind: str, output: str, *inputs: str) -> None:
        """One operator whose output the model answers."""
        self.nodes.append(helper.make_node(kind, list(inputs), [output]))

    def constant(self, name: str, value: Array) -> str:
        """A constant under a name of its own."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def number(self, *values: float) -> str:
        """A constant list of whole numbers or of fractions, kept once."""
        name = "_".join(map(str, ("number", *values)))
        if name not in self._numbers:
            self._numbers.add(name)
            self.constant(name, np.array(values, np.int64 if isinstance(values[0], int) else np.float32))
        return name

    def gather(self, name: str, table: Floats, ids: str) -> str:
        """Rows of a table."""
        if self._ranges is None:
            return self.node("Gather", self.constant(name, table), ids)
        values, scales = quantised(table, axis=1)
        rows = self.node("Gather", self.constant(name, values), ids)
        scale = self.node("Gather", self.constant(f"{name}.scale", scales), ids)
        return self.node("Mul", self.node("Cast", rows, to=TensorProto.FLOAT), scale)

    def product(self, name: str, x: str, weight: Floats, bias: Floats, evened: bool = False) -> str:
        """`x @ weight + bias`; the weight has a column an output.

        `evened`: the few inputs that reach much further than others are made smaller and their weights larger, so that
        the others keep more of their bytes (Xiao et al., "SmoothQuant", 2023).
        """
        added = self.constant(f"{name}.bias", bias)
        if self._ranges is None:
            return self.node("Add", self.node("MatMul", x, self.constant(name, weight)), added)
        least, most = self._ranges[name]
        if evened:
            ease = eases(least, most)
            x = self.node("Mul", x, self.constant(f"{name}.ease", 1 / ease))
            weight, least, most = weight * ease[:, None], least / ease, most / ease
        values, scales = quantised(weight, axis=0)
        stored = self.constant(name, values), self.constant(f"{name}.scale", scales[0])
        step, zero = steps(float(least.min()), float(most.max()))
        scale, middle = self.constant(f"{name}.step", step), self.constant(f"{name}.zero", zero)
        whole = self.node("QuantizeLinear", x, scale, middle)
        return self.node("MatMulIntegerToFloat", whole, stored[0], scale, stored[1], middle, "", added, domain=CONTRIB)

    def attention(self, name: str, x: str, weight: Floats, bias: Floats) -> str:
        """Of all heads; queries, keys and values stand side by side in the columns."""
        parts = self.nodes_of("Split", 3, self.product(name, x, weight, bias, evened=True), axis=-1, num_outputs=3)
        return self.node("Attention", *parts, q_num_heads=HEADS_OF_ATTENTION, kv_num_heads=HEADS_OF_ATTENTION)

    def normed(self, name: str, x: str, skip: str, scale: Floats, shift: Floats) -> str:
        """The sum of both, normalised over its last axis. onnxruntime's operator for both takes six times as long."""
        constants = self.constant(f"{name}.scale", scale), self.constant(f"{name}.shift", shift)
        return self.node("LayerNormalization", self.node("Add", x, skip), *constants, axis=-1, epsilon=EPSILON)

    def model(self, inputs: Mapping[str, tuple[int, Shape]], outputs: Mapping[str, Shape]) -> bytes:
        """The whole, as a file holds it; an input is its type and its shape."""
        told = [helper.make_tensor_value_info(name, *one) for name, one in inputs.items()]
        said = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()]
        versions = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)]
        graph = helper.make_graph(self.nodes, "vigie", told, said, self.constants)
        written: bytes = helper.make_model(graph, opset_imports=versions, ir_version=FORMAT).SerializeToString()
        return written


def quantised(values: Floats, axis: int) -> tuple[NDArray[np.int8], Floats]:
    """Signed bytes, and the scales along `axis` that make them floats again."""
    scales = np.maximum(np.abs(values).max(axis=axis, keepdims=True), 1e-8) / 127
    return np.rint(values / scales).astype(np.int8), scales.astype(np.float32)


def eases(least: Floats, most: Floats) -> Floats:
    """By what each input is divided: one, but for those that reach furthest."""
    reach = np.maximum(-least, most)
    return np.maximum(reach / max(REACH * float(np.median(reach)), 1e-8), 1).astype(np.float32)


def steps(least: float, most: float) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """The scale of unsigned bytes that reach from the one to the other, and the byte that stands for nothing."""
    least, most = min(least, 0.0), max(most, 1e-8)
    step = (most - least) / 255
    return np.array(step, np.float32), np.array(round(-least / step), np.uint8)

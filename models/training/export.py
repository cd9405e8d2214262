"""Writes the folder that the reader loads: network, tokenizer, configuration."""

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto
from tokenizers import Tokenizer
from torch import Tensor, nn

from models.heads import CHOICES, HEADS
from models.session import CONFIG_FILE, MODEL_FILE, TOKENIZER_FILE
from models.training.graph import Graph, Ranges, Shape
from models.training.network import GRAM_WIDTH, POSITIONS, Layer, Network
from models.training.ranges import calibration_texts, ranges

NAME = "embedded-2"
_AS_IT_IS: dict[str, Any] = {"calibration": {"any": {"scale": 1.0, "bias": 0.0, "abstain": 0.0}}}
UNTUNED: dict[str, Any] = {
    "heads": {head: {**_AS_IT_IS, **({"labels": CHOICES[head]} if head in CHOICES else {})} for head in HEADS},
    "second_intent": 0.5,
    "mention": {},
}
INPUTS: dict[str, tuple[int, Shape]] = {
    "pieces": (TensorProto.INT64, ["texts", "count"]),
    "grams": (TensorProto.INT64, ["grams"]),
    "grams_of": (TensorProto.INT64, ["grams", 1]),  # the row of `roots` that each counts in
    "roots": (TensorProto.FLOAT, ["texts and tables", 1]),
}
Floats = NDArray[np.float32]


def export(network: Network, tokenizer: Tokenizer, config: dict[str, Any], out: Path, exact: bool = False) -> None:
    """The three files; the card comes after the measuring. `exact` keeps every weight in 32 bits, to compare."""
    out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(out / TOKENIZER_FILE), pretty=False)
    network = network.eval()
    met = None if exact else ranges(network, calibration_texts(tokenizer))
    (out / MODEL_FILE).write_bytes(graph(network, met))
    write_config(config, out)


def write_config(config: dict[str, Any], out: Path) -> None:
    """What the reader knows of the network beside its weights."""
    described = {"name": NAME, "max_pieces": POSITIONS, **config}
    (out / CONFIG_FILE).write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")


def graph(network: Network, met: Ranges | None) -> bytes:
    """Texts of one length in, the logits of all heads out; in 32 bits without the ranges that were met."""
    made = Graph(met)
    seen = _seen(made, network, _encoded(made, network))
    inner = made.node("Gelu", made.product("mix", seen, *_dense(network.mix)), domain="com.microsoft")
    deep = made.product("deep", inner, *_dense(network.deep))
    made.name("Add", "logits", deep, made.product("wide", _sums(made, network), *_dense(network.wide)))
    return made.model(INPUTS, {"logits": ["texts", network.deep.out_features]})


def _encoded(made: Graph, network: Network) -> str:
    """Vectors of the pieces, (texts, count, width)."""
    encoder = network.encoder
    vectors = made.gather("piece_table", _array(encoder.pieces.weight), "pieces")
    places = made.constant("place_table", _array(encoder.places.weight)[None])
    count = made.node("Shape", "pieces", start=1, end=2)
    near = made.node("Slice", places, made.number(0), count, made.number(1))
    x = made.normed("start", vectors, near, *_norm(encoder.norm))
    for at, layer in enumerate(encoder.layers):
        x = _layer(made, f"layer{at}", cast("Layer", layer), x)
    return x


def _layer(made: Graph, name: str, layer: Layer, x: str) -> str:
    seen = made.attention(f"{name}.attention", x, *_dense(layer.attention))
    out = made.product(f"{name}.out", seen, *_dense(layer.out))
    x = made.normed(f"{name}.first", x, out, *_norm(layer.first))
    bent = made.node("Gelu", made.product(f"{name}.up", x, *_dense(layer.up), evened=True), domain="com.microsoft")
    return made.normed(
        f"{name}.second", x, made.product(f"{name}.down", bent, *_dense(layer.down)), *_norm(layer.second)
    )


def _seen(made: Graph, network: Network, x: str) -> str:
    """The mean, the largest, and the mean where the brand is named, side by side; a row a text."""
    first, second = (made.constant(f"brand{at}", np.array(piece)) for at, piece in enumerate(network.brand_pieces))
    named = made.node("Or", made.node("Equal", "pieces", first), made.node("Equal", "pieces", second))
    any_piece = made.node("Equal", "pieces", "pieces")
    most = made.node("ReduceMax", x, made.number(1))
    seen = made.node("Concat", _mean(made, x, any_piece), most, _mean(made, x, named), axis=2)
    return made.node("Squeeze", seen, made.number(1))


def _mean(made: Graph, x: str, there: str) -> str:
    """Over these pieces. As a product: a sum over them would add one text up in another order than several."""
    marks = made.node("Unsqueeze", made.node("Cast", there, to=TensorProto.FLOAT), made.number(1))
    count = made.node("ReduceSum", marks, made.number(2), keepdims=1)
    return made.node("Div", made.node("MatMul", marks, x), made.node("Max", count, made.number(1.0)))


def _sums(made: Graph, network: Network) -> str:
    """The sum of a text's grams over the root of their number, of words and of letters side by side."""
    rows = made.gather("gram_table", np.concatenate([_array(one) for one in network.tables]), "grams")
    empty = made.constant("no_grams", np.zeros((1, GRAM_WIDTH), np.float32))
    start = made.node("Expand", empty, made.node("Shape", "roots"))
    sums = made.node("ScatterND", start, "grams_of", rows, reduction="add")
    shape = made.number(-1, len(network.tables) * GRAM_WIDTH)
    return made.node("Reshape", made.node("Div", sums, "roots"), shape)


def _dense(layer: nn.Linear) -> tuple[Floats, Floats]:
    """The weight with a column an output, and the bias."""
    weight = _array(layer.weight).T
    bias = np.zeros(weight.shape[1], np.float32) if layer.bias is None else _array(layer.bias)
    return np.ascontiguousarray(weight), bias


def _norm(layer: nn.LayerNorm) -> tuple[Floats, Floats]:
    return _array(layer.weight), _array(layer.bias)


def _array(values: Tensor) -> Floats:
    return np.asarray(values.detach().float().numpy(), np.float32)

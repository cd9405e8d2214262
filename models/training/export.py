"""Writes the folder that the reader loads: network, tokenizer, configuration."""

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn

from models.heads import CHOICES, HEADS
from models.session import CONFIG_FILE, MODEL_FILE, TOKENIZER_FILE
from models.training.graph import Graph
from models.training.network import POSITIONS, Layer, Network

NAME = "embedded-2"
INPUTS = ("pieces", "words", "letters")
_AS_IT_IS: dict[str, Any] = {"calibration": {"any": {"scale": 1.0, "bias": 0.0, "abstain": 0.0}}}
UNTUNED: dict[str, Any] = {
    "heads": {head: {**_AS_IT_IS, **({"labels": CHOICES[head]} if head in CHOICES else {})} for head in HEADS},
    "second_intent": 0.5,
    "mention": {},
}
Floats = NDArray[np.float32]


def export(network: Network, tokenizer: Tokenizer, config: dict[str, Any], out: Path, exact: bool = False) -> None:
    """The three files; the card comes after the measuring. `exact` keeps every weight in 32 bits, to compare."""
    out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(out / TOKENIZER_FILE), pretty=False)
    (out / MODEL_FILE).write_bytes(graph(network.eval(), exact))
    write_config(config, out)


def write_config(config: dict[str, Any], out: Path) -> None:
    """What the reader knows of the network beside its weights."""
    described = {"name": NAME, "max_pieces": POSITIONS, **config}
    (out / CONFIG_FILE).write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")


def graph(network: Network, exact: bool) -> bytes:
    """One text in, the logits of all heads out."""
    made = Graph(exact)
    x = _encoded(made, network)
    seen = _seen(made, network, x)
    inner = made.node("Gelu", made.product("mix", seen, *_dense(network.mix)), domain="com.microsoft")
    deep = made.product("deep", inner, *_dense(network.deep))
    sums = [_sum(made, name, table) for name, table in zip(("words", "letters"), network.tables, strict=True)]
    wide = made.product("wide", made.node("Concat", *sums, axis=1), _dense(network.wide)[0])
    made.name("Add", "logits", deep, wide)
    return made.model({name: [1, f"{name}_count"] for name in INPUTS}, {"logits": [1, network.deep.out_features]})


def _encoded(made: Graph, network: Network) -> str:
    """Vectors of the pieces, (1, count, width)."""
    encoder = network.encoder
    vectors = made.gather("piece_table", _array(encoder.pieces.weight), "pieces")
    places = made.constant("place_table", _array(encoder.places.weight)[None])
    count = made.node("Slice", made.node("Shape", "pieces"), *_numbers(made, "second", 1, 2))
    near = made.node("Slice", places, *_numbers(made, "from", 0)[:1], count, *_numbers(made, "along", 1)[:1])
    x = made.normed("start", vectors, near, *_norm(encoder.norm))
    for at, layer in enumerate(encoder.layers):
        x = _layer(made, f"layer{at}", cast("Layer", layer), x)
    return x


def _layer(made: Graph, name: str, layer: Layer, x: str) -> str:
    seen = made.attention(f"{name}.attention", x, *_dense(layer.attention))
    out = made.product(f"{name}.out", seen, *_dense(layer.out))
    x = made.normed(f"{name}.first", x, out, *_norm(layer.first))
    weight, bias = _dense(layer.up)
    up = made.product(f"{name}.up", x, weight)
    bent = made.node("BiasGelu", up, made.constant(f"{name}.up.bias", bias), domain="com.microsoft")
    return made.normed(
        f"{name}.second", x, made.product(f"{name}.down", bent, *_dense(layer.down)), *_norm(layer.second)
    )


def _seen(made: Graph, network: Network, x: str) -> str:
    """The mean, the largest, and the mean where the brand is named."""
    first, second = (made.constant(f"brand{at}", np.array(piece)) for at, piece in enumerate(network.brand_pieces))
    named = made.node("Or", made.node("Equal", "pieces", first), made.node("Equal", "pieces", second))
    there = made.node("Unsqueeze", made.node("Cast", named, to=1), made.constant("last", np.array([2])))
    middle, one = made.constant("middle", np.array([1])), made.constant("one", np.ones((1, 1), np.float32))
    count = made.node("Max", made.node("ReduceSum", there, middle, keepdims=0), one)
    around = made.node("ReduceSum", made.node("Mul", x, there), "middle", keepdims=0)
    mean, most = made.node("ReduceMean", x, axes=[1], keepdims=0), made.node("ReduceMax", x, axes=[1], keepdims=0)
    return made.node("Concat", mean, most, made.node("Div", around, count), axis=1)


def _sum(made: Graph, name: str, table: Tensor) -> str:
    """The sum of a text's grams over the root of their number."""
    rows = made.gather(f"{name}_table", _array(table), name)
    count = made.node("Cast", made.node("Slice", made.node("Shape", name), "second.0", "second.1"), to=1)
    return made.node("Div", made.node("ReduceSum", rows, "middle", keepdims=0), made.node("Sqrt", count))


def _numbers(made: Graph, name: str, *values: int) -> list[str]:
    return [made.constant(f"{name}.{at}", np.array([value])) for at, value in enumerate(values)]


def _dense(layer: nn.Linear) -> tuple[Floats, Floats]:
    """The weight with a column an output, and the bias."""
    weight = _array(layer.weight).T
    bias = np.zeros(weight.shape[1], np.float32) if layer.bias is None else _array(layer.bias)
    return np.ascontiguousarray(weight), bias


def _norm(layer: nn.LayerNorm) -> tuple[Floats, Floats]:
    return _array(layer.weight), _array(layer.bias)


def _array(values: Tensor) -> Floats:
    return np.asarray(values.detach().float().numpy(), np.float32)

"""The shipped weights as others run them: a BERT of transformers, and an ONNX graph in 32 bits. Needs torch and onnx.

Bytes become floats again by their scales, so both compute what the shipped network does, but for what it rounds.
The tables of grams are left out of both.
"""

from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from tokenizers import Tokenizer
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from models.grams import WORD_BUCKETS
from models.heads import WIDTH
from models.training.export import graph
from models.training.network import (
    BERT_ATTENTION,
    BERT_NAMES,
    HEADS_OF_ATTENTION,
    INNER,
    PIECE_WIDTH,
    POSITIONS,
    Network,
)

PAD, UNKNOWN = 0, 1
_DENSE = ("attention", "out", "up", "down")
_NORMS = ("first", "second")

Floats = NDArray[np.float32]
State = dict[str, torch.Tensor]


class Constants:
    """The constants of a shipped network, as floats."""

    def __init__(self, path: Path) -> None:
        self._all = {one.name: numpy_helper.to_array(one) for one in onnx.load(path).graph.initializer}
        if "piece_table" not in self._all or "layer0.up" not in self._all:
            raise ValueError("these weights hold no transformer of ours")

    @property
    def layers(self) -> int:
        """How many the transformer has."""
        return sum(name.startswith("layer") and name.endswith(".up") for name in self._all)

    def floats(self, name: str) -> torch.Tensor:
        """One of them."""
        value = self._all[name]
        exact = value * self._all[f"{name}.scale"] if value.dtype == np.int8 else value
        ease = self._all.get(f"{name}.ease")  # what the inputs are multiplied by, a row of the weight each
        return torch.from_numpy(np.array(exact if ease is None else exact * ease[:, None], np.float32))

    def whole(self, name: str) -> int:
        """One that is a single whole number."""
        return int(self._all[name].item())


def network(path: Path) -> Network:
    """The network that was exported; its inputs are those of `models.training.network`."""
    told = Constants(path)
    table, grams = told.floats("piece_table"), told.floats("gram_table")
    made = Network(len(table), told.layers, (told.whole("brand0"), told.whole("brand1")))
    made.load_state_dict(
        {f"encoder.{name}": value for name, value in _encoder(told, table).items()}
        | {"words.weight": grams[:WORD_BUCKETS], "letters.weight": grams[WORD_BUCKETS:]}
        | {f"{name}.weight": told.floats(name).T for name in ("mix", "deep", "wide")}
        | {f"{name}.bias": told.floats(f"{name}.bias") for name in ("mix", "deep")}
    )
    return made.eval()


def _encoder(told: Constants, table: torch.Tensor) -> State:
    state = {"pieces.weight": table, "places.weight": told.floats("place_table")[0]}
    state |= _norm(told, "start", "norm")
    for at in range(told.layers):
        old, new = f"layer{at}", f"layers.{at}"
        for name in _DENSE:
            state[f"{new}.{name}.weight"] = told.floats(f"{old}.{name}").T
            state[f"{new}.{name}.bias"] = told.floats(f"{old}.{name}.bias")
        for name in _NORMS:
            state |= _norm(told, f"{old}.{name}", f"{new}.{name}")
    return state


def _norm(told: Constants, old: str, new: str) -> State:
    return {f"{new}.weight": told.floats(f"{old}.scale"), f"{new}.bias": told.floats(f"{old}.shift")}


def write_bert(made: Network, tokenizer: Path, folder: Path) -> None:
    """The encoder with one linear head over its first vector, as a folder that `transformers.pipeline` opens."""
    config = BertConfig(
        vocab_size=made.encoder.pieces.num_embeddings,
        hidden_size=PIECE_WIDTH,
        num_hidden_layers=len(made.encoder.layers),
        num_attention_heads=HEADS_OF_ATTENTION,
        intermediate_size=INNER,
        max_position_embeddings=POSITIONS,
        type_vocab_size=1,
        layer_norm_eps=made.encoder.norm.eps,
        num_labels=WIDTH,
    )
    bert = BertForSequenceClassification(config).eval()
    bert.bert.load_state_dict(_bert_state(made), strict=False)  # the pooler is not ours
    bert.save_pretrained(folder)
    _tokenizer(tokenizer).save_pretrained(folder)


def _bert_state(made: Network) -> State:
    encoder = made.encoder
    state = {
        "embeddings.word_embeddings.weight": encoder.pieces.weight,
        "embeddings.position_embeddings.weight": encoder.places.weight,
        "embeddings.token_type_embeddings.weight": torch.zeros(1, PIECE_WIDTH),
        "embeddings.LayerNorm.weight": encoder.norm.weight,
        "embeddings.LayerNorm.bias": encoder.norm.bias,
    }
    for at, layer in enumerate(encoder.layers):
        for kind in ("weight", "bias"):
            own = dict(layer.named_parameters())
            for name, rows in zip(BERT_ATTENTION, own[f"attention.{kind}"].chunk(3), strict=True):
                state[f"encoder.layer.{at}.{name}.{kind}"] = rows
            state |= {f"encoder.layer.{at}.{name}.{kind}": own[f"{old}.{kind}"] for old, name in BERT_NAMES.items()}
    return state


def _tokenizer(path: Path) -> PreTrainedTokenizerFast:
    read = Tokenizer.from_file(str(path))
    return PreTrainedTokenizerFast(
        tokenizer_object=read,
        pad_token=read.id_to_token(PAD),
        unk_token=read.id_to_token(UNKNOWN),
        model_max_length=POSITIONS,
    )


def write_exact(made: Network, path: Path) -> None:
    """Encoder and deep heads in 32 bits, for batches of texts of one length."""
    model = onnx.load_from_string(graph(made, None))
    last = next(node for node in model.graph.node if "logits" in node.output)
    deep = last.input[0]
    kept, wanted = [], {deep}
    for node in reversed(model.graph.node):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(node.input)
    pieces = onnx.helper.make_tensor_value_info("pieces", onnx.TensorProto.INT64, ["texts", "count"])
    output = onnx.helper.make_tensor_value_info(deep, onnx.TensorProto.FLOAT, ["texts", WIDTH])
    constants = [one for one in model.graph.initializer if one.name in wanted]
    small = onnx.helper.make_graph(kept[::-1], "encoder", [pieces], [output], constants)
    onnx.save(onnx.helper.make_model(small, opset_imports=model.opset_import, ir_version=model.ir_version), str(path))

"""Writes the folder that the reader loads: network, tokenizer, configuration."""

import json
import warnings
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from models.session import CONFIG_FILE, MODEL_FILE, TOKENIZER_FILE
from models.training.examples import MAX_PIECES
from models.training.network import Network, OneText

NAME = "embedded-1"
OPSET = 17


def export(network: Network, tokenizer: Tokenizer, config: dict[str, Any], out: Path) -> None:
    """The three files; the card comes after the measuring."""
    out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(out / TOKENIZER_FILE), pretty=False)
    _network(network, out / MODEL_FILE)
    described = {"name": NAME, "max_pieces": MAX_PIECES, **config}
    (out / CONFIG_FILE).write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")


def _network(network: Network, path: Path) -> None:
    """Built without padding, for one text; the large tables in half precision."""
    one = OneText(network.eval()).eval()
    example = torch.ones(1, 7, dtype=torch.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            one,
            (example, example, example),
            str(path),
            input_names=["pieces", "words", "letters"],
            output_names=["logits"],
            dynamic_axes={name: {1: name} for name in ("pieces", "words", "letters")},
            opset_version=OPSET,
            dynamo=False,
        )

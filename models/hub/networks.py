"""Weights at work: named whole numbers in, one row of logits a text out. Safe to share between threads."""

import mmap
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from domain.errors import Misconfigured
from models.hub.files import CONFIG_FILE, line

Numbers = NDArray[np.int64]
Logits = NDArray[np.float64]
BATCH = 16
_KINDS = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
_DYNAMIC = b"DynamicQuantizeLinear"


class Network(Protocol):
    """`inputs` are the arrays it asks for; `batch` the most texts at once; `by` says what runs it."""

    path: Path
    inputs: tuple[str, ...]
    batch: int
    by: str

    def run(self, feed: Mapping[str, Numbers]) -> Logits:
        """Arrays of (texts, tokens) -> (texts, labels)."""
        ...


def open_network(path: Path) -> Network:
    """The network in a file. Raises Misconfigured that names it."""
    return OnnxNetwork(path) if path.suffix == ".onnx" else TorchNetwork(path)


class OnnxNetwork:
    """By onnxruntime, on all cores of the machine."""

    by: str = "onnxruntime"

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = os.cpu_count() or 1, 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the library's errors share no other base
            raise Misconfigured(f"{path}: no network that onnxruntime can run ({line(error)})") from error
        self.path = path
        self._kinds = {one.name: _KINDS.get(one.type) for one in self._session.get_inputs()}
        self.inputs: tuple[str, ...] = tuple(self._kinds)
        outputs = [one.name for one in self._session.get_outputs()]
        self._output = "logits" if "logits" in outputs else outputs[0]
        # Such a network scales the numbers of a whole batch by its largest: alone, or a text changes its neighbours.
        self.batch: int = 1 if _holds(path, _DYNAMIC) else BATCH

    def run(self, feed: Mapping[str, Numbers]) -> Logits:
        """As the protocol says."""
        typed = {name: feed[name].astype(kind or np.int64) for name, kind in self._kinds.items()}
        return np.asarray(self._session.run([self._output], typed)[0], np.float64)


class TorchNetwork:
    """By torch, where it is installed and there is no ONNX file."""

    by: str = "torch"
    batch: int = BATCH

    def __init__(self, path: Path) -> None:
        import torch
        from transformers import AutoModelForSequenceClassification
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            self._model, told = AutoModelForSequenceClassification.from_pretrained(
                path.parent,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                dtype=torch.float32,
            )
        except Exception as error:  # the library raises many kinds on a bad file
            raise Misconfigured(f"{path}: no weights that transformers can load ({line(error)})") from error
        missing = sorted(told["missing_keys"])
        if missing:
            raise Misconfigured(
                f"{path}: lacks weights of a classifier ({', '.join(missing[:3])}); "
                f"{CONFIG_FILE} and weights must come from a model trained for text classification"
            )
        self.path = path
        self._torch: Any = torch
        self._model.eval()
        types = int(getattr(self._model.config, "type_vocab_size", 0) or 0)
        self.inputs: tuple[str, ...] = ("input_ids", "attention_mask", *(("token_type_ids",) if types > 1 else ()))

    def run(self, feed: Mapping[str, Numbers]) -> Logits:
        """As the protocol says."""
        with self._torch.inference_mode():
            given = {name: self._torch.from_numpy(feed[name]) for name in self.inputs}
            return np.asarray(self._model(**given).logits.float().numpy(), np.float64)


def _holds(path: Path, name: bytes) -> bool:
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        return whole.find(name) >= 0

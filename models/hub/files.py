"""What lies in the folder of a Hugging Face model. Code that comes with a model is never run."""

import json
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from domain.errors import Misconfigured

CONFIG_FILE = "config.json"
ONNX_FILES = ("model.onnx", "onnx/model.onnx", "onnx/model_quantized.onnx")
WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
TOKENIZER_FILES = ("tokenizer.json", "sentencepiece.bpe.model", "spm.model", "vocab.txt", "vocab.json")


def first(names: Iterable[str], present: Iterable[str]) -> str | None:
    """The first of the names that is there."""
    there = set(present)
    return next((name for name in names if name in there), None)


def weights_of(folder: Path) -> Path:
    """The file that is run: ONNX before torch. Raises Misconfigured where nothing can be."""
    for name in runnable():
        if (folder / name).is_file():
            return folder / name
    raise Misconfigured(cannot_run(str(folder), (name for name in WEIGHT_FILES if (folder / name).is_file())))


def is_whole(folder: Path) -> bool:
    """Whether a model can be run from what lies here."""
    return (folder / CONFIG_FILE).is_file() and any(_all_of(folder / name) for name in runnable())


def runnable() -> tuple[str, ...]:
    """The names of weights that can be run here, best first."""
    return (*ONNX_FILES, *(WEIGHT_FILES if has_torch() else ()))


def _all_of(weights: Path) -> bool:
    if not weights.is_file() or not weights.name.endswith(".index.json"):
        return weights.is_file()
    parts = json_object(weights).get("weight_map")
    return isinstance(parts, dict) and all((weights.parent / str(part)).is_file() for part in parts.values())


def cannot_run(where: str, present: Iterable[str]) -> str:
    """Why none of the files that are present is of use, and what would be."""
    weights = first(WEIGHT_FILES, present)
    if weights is None:
        return f"{where}: has no weights ({', '.join((*ONNX_FILES, WEIGHT_FILES[0]))})"
    return (
        f"{where}: {weights} needs torch, which is not installed: pip install 'vigie[train]', "
        f"or put the model's ONNX file beside it ({', '.join(ONNX_FILES)})"
    )


def has_torch() -> bool:
    """Whether torch is installed; it is not loaded by asking."""
    return find_spec("torch") is not None


def config_of(folder: Path) -> Any:
    """The model's configuration, as transformers reads it."""
    path = folder / CONFIG_FILE
    refuse_ours(path)
    from transformers import AutoConfig  # takes half a second: not before it is needed

    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the library raises many kinds on a bad file
        raise Misconfigured(f"{path}: no configuration that transformers knows ({line(error)})") from error


def tokenizer_of(folder: Path) -> Any:
    """The model's tokenizer."""
    path = folder / (first(TOKENIZER_FILES, (one.name for one in folder.iterdir())) or TOKENIZER_FILES[0])
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # as above
        raise Misconfigured(
            f"{path}: no tokenizer that can be loaded ({line(error)}); "
            "a tokenizer.json needs nothing else installed, another kind may need `pip install sentencepiece protobuf`"
        ) from error


def refuse_ours(path: Path) -> None:
    """A folder of our own kind in the place of one of theirs, or a configuration that is none."""
    table = json_object(path)
    if "heads" in table and "model_type" not in table:
        raise Misconfigured(f"{path.parent}: is a reading model of Vigie's own: name it in reading.model")


def json_object(path: Path) -> dict[str, Any]:
    """The object in a file. Raises Misconfigured."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise Misconfigured(f"{path}: missing; every model has one") from error
    except (OSError, ValueError, RecursionError) as error:
        raise Misconfigured(f"{path}: is no JSON ({line(error)})") from error
    if not isinstance(table, dict):
        raise Misconfigured(f"{path}: is no JSON object")
    return table


def line(error: BaseException) -> str:
    """An error of a library in one short line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__

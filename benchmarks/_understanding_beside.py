"""What stands beside Vigie and needs torch or onnx, measured in an environment that has them.

    python -m benchmarks._understanding_beside KIND JOB        JOB: a JSON file; the answer is the last line, as JSON

Kinds: `convert` writes the shipped weights as others read them; `pipeline` and `exact` run these; `first` is a first
reading by them in this process; `obsei` its default analyser; `products` what the machine multiplies at most.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks._understanding_timing import Speed, speed

Job = dict[str, Any]
Answer = dict[str, Any]

OBSEI_TEXTS = 2
OBSEI_SHAPE = {
    "vocab_size": 250_002,
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "max_position_embeddings": 8194,
    "type_vocab_size": 1,
    "layer_norm_eps": 1e-5,
    "label2id": {"entailment": 0, "not_entailment": 1},
    "id2label": {0: "entailment", 1: "not_entailment"},
}
SHAPES = ((25, 384, 1536), (512, 384, 1536), (2048, 1024, 4096))
KINDS_OF_PRODUCT = ("MatMulInteger", "DynamicQuantizeMatMul")


def main() -> None:
    """Do what the arguments say."""
    kind, path = sys.argv[1:]
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    print("\n" + json.dumps(KINDS[kind](job)))


def _convert(job: Job) -> Answer:
    from benchmarks import _understanding_weights as weights

    folder = Path(job["folder"])
    made = weights.network(Path(job["weights"], "model.onnx"))
    weights.write_bert(made, Path(job["weights"], "tokenizer.json"), folder / "bert")
    weights.write_exact(made, folder / "exact.onnx")
    return {}


def _pipeline(job: Job) -> Answer:
    """`transformers.pipeline` with torch; cleaning is not counted."""
    classify = _classifier(job)
    return {
        "transformers.pipeline, one by one": _told(speed(classify, job["texts"], len(job["texts"]), job["seconds"])),
        "transformers.pipeline, batched": _batched(
            lambda batch: classify(batch, batch_size=len(batch)), job, job["texts"]
        ),
    }


def _classifier(job: Job) -> Callable[..., object]:
    from transformers import pipeline

    bert = str(Path(job["folder"], "bert"))
    return pipeline("text-classification", model=bert, function_to_apply="none", top_k=None)


def _first(job: Job) -> Answer:
    began = time.perf_counter()
    _classifier(job)(job["texts"][0])
    return {"seconds": time.perf_counter() - began}


def _exact(job: Job) -> Answer:
    """onnxruntime with its defaults, tokenising included."""
    import numpy as np
    import onnxruntime
    from tokenizers import Tokenizer

    network = onnxruntime.InferenceSession(str(Path(job["folder"], "exact.onnx")), providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(Path(job["weights"], "tokenizer.json")))

    def read(texts: Sequence[str]) -> object:
        pieces = np.array([one.ids for one in tokenizer.encode_batch_fast(texts)], np.int64)
        return network.run(None, {"pieces": pieces})

    one_by_one = speed(read, [[text] for text in job["texts"]], len(job["texts"]), job["seconds"])
    return {
        "onnxruntime in 32 bits, one by one": _told(one_by_one),
        "onnxruntime in 32 bits, batched": _batched(read, job, job["texts"]),
    }


def _batched(function: Callable[[list[str]], object], job: Job, texts: list[str]) -> Answer:
    size = job["batch"]
    groups = [texts[at : at + size] for at in range(0, len(texts), size)]
    return _told(speed(function, groups, len(texts), job["seconds"]))


def _told(measured: Speed, note: str = "") -> Answer:
    return {"rate": measured.rate, "note": "; ".join(filter(None, (measured.note, note)))}


# --- obsei ---------------------------------------------------------------------------------------


def _obsei(job: Job) -> Answer:
    """Its own code on a network of its default model's size with random weights, which cost as much."""
    from datetime import UTC, datetime

    from obsei.core.record import Record, SourceRef
    from obsei.enrichers.classify import LocalClassifier
    from obsei.llm.local import LocalDecider

    _write_classifier(job, Path(job["folder"], "obsei"))
    reader = LocalClassifier(LocalDecider(str(Path(job["folder"], "obsei")), models={}, offline=True))
    source = SourceRef(type="file", native_id="1")
    records = [Record(source=source, text=text, created_at=datetime.now(UTC)) for text in job["texts"][:OBSEI_TEXTS]]
    began = time.perf_counter()
    answers = [answer for answer in reader.enrich(records) if answer is not None]
    rate = len(answers) / (time.perf_counter() - began)
    return {
        "rate": rate,
        "note": f"{1 / rate:,.1f} s a post, by random weights of its default model's size: its own are on the hub",
    }


def _write_classifier(job: Job, folder: Path) -> None:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaForSequenceClassification

    read = Tokenizer.from_file(str(Path(job["weights"], "tokenizer.json")))
    marks = {"pad_token": read.id_to_token(0), "unk_token": read.id_to_token(1)}
    PreTrainedTokenizerFast(tokenizer_object=read, **marks).save_pretrained(folder)
    XLMRobertaForSequenceClassification(XLMRobertaConfig(**OBSEI_SHAPE)).save_pretrained(folder)


# --- the machine ---------------------------------------------------------------------------------


def _products(job: Job) -> Answer:
    """Multiply-adds a second in products of bytes, by kind, shape and threads; and those of one reading."""
    rates = {
        f"{kind.removesuffix('MatMul')} {rows}x{inner}x{columns}, {threads} thr.": rows
        * inner
        * columns
        * _product_rate(kind, (rows, inner, columns), threads, job["seconds"] / 4)
        for threads in dict.fromkeys((1, job["cores"]))
        for kind in KINDS_OF_PRODUCT
        for rows, inner, columns in SHAPES
    }
    return {"rates": rates, "of_one_reading": _multiply_adds(Path(job["weights"], "model.onnx"), job["pieces"])}


def _product_rate(kind: str, shape: tuple[int, int, int], threads: int, most_seconds: float) -> float:
    """Products a second."""
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    network = onnxruntime.InferenceSession(_product(kind, shape), options, providers=["CPUExecutionProvider"])
    dice = np.random.default_rng(0)
    x = dice.random(shape[:2], np.float32)
    feed = {"x": dice.integers(0, 256, shape[:2], np.uint8) if kind == "MatMulInteger" else x}
    most = max(3, int(most_seconds * 1e12 / (shape[0] * shape[1] * shape[2])))
    return speed(lambda _: network.run(None, feed), range(most), most, most_seconds).rate


def _product(kind: str, shape: tuple[int, int, int]) -> bytes:
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    rows, inner, columns = shape
    weight = np.random.default_rng(0).integers(-127, 128, (inner, columns), np.int8)
    constants = [numpy_helper.from_array(weight, "w")]
    taken, given, domain = TensorProto.UINT8, TensorProto.INT32, ""
    if kind != "MatMulInteger":
        constants.append(numpy_helper.from_array(np.full(columns, 0.01, np.float32), "scale"))
        taken = given = TensorProto.FLOAT
        domain = "com.microsoft"
    node = helper.make_node(kind, ["x", *(one.name for one in constants)], ["y"], domain=domain)
    inputs = [helper.make_tensor_value_info("x", taken, [rows, inner])]
    outputs = [helper.make_tensor_value_info("y", given, [rows, columns])]
    graph = helper.make_graph([node], "product", inputs, outputs, constants)
    versions = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=versions, ir_version=9).SerializeToString()


def _multiply_adds(model: Path, pieces: int) -> int:
    """Of the dense layers and the attention; tables are only looked up."""
    import onnx

    dense = {one.name: tuple(one.dims) for one in onnx.load(model).graph.initializer if len(one.dims) == 2}
    total = 0
    for name, (inner, outer) in dense.items():
        if "table" in name or name.endswith(".scale") or inner == 1:
            continue
        total += inner * outer * (pieces if name.startswith("layer") else 1)
        total += 2 * pieces * pieces * inner if name.endswith(".attention") else 0
    return total


KINDS: dict[str, Callable[[Job], Answer]] = {
    "convert": _convert,
    "pipeline": _pipeline,
    "exact": _exact,
    "first": _first,
    "obsei": _obsei,
    "products": _products,
}

if __name__ == "__main__":
    main()

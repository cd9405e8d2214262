"""Tiny classifiers of the real architectures, with random weights and a tokenizer trained on ten lines.

`python -m tests.data.tiny_models` writes the folders beside this file anew, as ONNX; it needs `.[train]`. Tests without
torch run those; tests with torch make their own.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import onnx
import torch
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import Unigram
from tokenizers.trainers import UnigramTrainer
from transformers import (
    AutoModelForSequenceClassification,
    CamembertConfig,
    CamembertTokenizer,
    DebertaV2Config,
    DebertaV2Tokenizer,
    XLMRobertaConfig,
    XLMRobertaTokenizer,
)

HERE = Path(__file__).parent
LINES = """
Mon colis n'est toujours pas arrivé, trois semaines que j'attends
Merci à la conseillère de ce matin, réglé en cinq minutes
My parcel has not arrived and nobody answers the phone
The box came a day early and well packed, well done
This customer message is about a late or missing delivery
Est-ce que la boutique de Nantes ouvre le dimanche
Cancel my contract, I am switching to someone else
Plus de réseau depuis ce matin à Brest, ni fibre ni mobile
Why did my bill go up by nine euros without a word
J'attends mon remboursement depuis six semaines
""".strip().splitlines()
SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "initializer_range": 0.6,  # so that texts differ
}
# What the parts of a line are called in each family, in the order of their numbers.
FAMILIES: dict[str, tuple[Any, Any, tuple[str, ...], dict[str, Any]]] = {
    "xlm-roberta": (
        XLMRobertaConfig,
        XLMRobertaTokenizer,
        ("<s>", "<pad>", "</s>", "<unk>", "<mask>"),
        {"max_position_embeddings": 66, "type_vocab_size": 1},
    ),
    "camembert": (
        CamembertConfig,
        CamembertTokenizer,
        ("<s>", "<pad>", "</s>", "<unk>", "<mask>"),
        {"max_position_embeddings": 66, "type_vocab_size": 1},
    ),
    "deberta-v2": (
        DebertaV2Config,
        DebertaV2Tokenizer,
        ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"),
        {
            "max_position_embeddings": 256,
            "relative_attention": True,
            "position_biased_input": False,
            "pos_att_type": ["p2c", "c2p"],
            "position_buckets": 16,
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
            "type_vocab_size": 0,
            "pooler_hidden_size": 16,
        },
    ),
}


def save(family: str, folder: Path, labels: tuple[str, ...], seed: int = 0, **config: Any) -> Any:
    """A classifier of a family with its tokenizer, as transformers saves them; returns the network."""
    make_config, make_tokenizer, special, shape = FAMILIES[family]
    vocabulary = _vocabulary(special)
    names = {name: special.index(sign) for name, sign in zip(_ids(family), special, strict=False)}
    torch.manual_seed(seed)
    network = AutoModelForSequenceClassification.from_config(
        make_config(
            vocab_size=len(vocabulary),
            id2label=dict(enumerate(labels)),
            label2id={label: at for at, label in enumerate(labels)},
            **SMALL,
            **shape,
            **names,
            **config,
        )
    ).eval()
    network.save_pretrained(folder)
    make_tokenizer(vocab=vocabulary, model_max_length=shape["max_position_embeddings"]).save_pretrained(folder)
    return network


def to_onnx(network: Any, path: Path) -> None:
    """The network's file, for any number of texts and tokens."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ones = torch.ones(2, 9, dtype=torch.long)
    names = ["input_ids", "attention_mask"]
    axes = {name: {0: "texts", 1: "tokens"} for name in names} | {"logits": {0: "texts"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (ones, ones),
            str(path),
            input_names=names,
            output_names=["logits"],
            dynamic_axes=axes,
            dynamo=False,
        )
    made = onnx.load(path)
    made.producer_name = made.producer_version = ""
    for node in made.graph.node:
        node.name = node.doc_string = ""
    onnx.save(made, path)


def _ids(family: str) -> tuple[str, ...]:
    return ("pad_token_id",) if family == "deberta-v2" else ("bos_token_id", "pad_token_id", "eos_token_id")


def _vocabulary(special: tuple[str, ...]) -> list[tuple[str, float]]:
    """Pieces of words with their weights, as SentencePiece's unigram model has them."""
    tokenizer = Tokenizer(Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = UnigramTrainer(vocab_size=160, special_tokens=list(special), unk_token=special[3], show_progress=False)
    tokenizer.train_from_iterator(LINES, trainer)
    return [(str(piece), float(score)) for piece, score in json.loads(tokenizer.to_str())["model"]["vocab"]]


def main() -> None:
    """The folders that tests without torch run."""
    tweets = save("xlm-roberta", HERE / "tiny-sentiment", ("LABEL_0", "LABEL_1", "LABEL_2"))
    to_onnx(tweets, HERE / "tiny-sentiment" / "model.onnx")
    nli = save("deberta-v2", HERE / "tiny-nli", ("entailment", "neutral", "contradiction"))
    to_onnx(nli, HERE / "tiny-nli" / "onnx" / "model.onnx")
    toxic = save(
        "camembert", HERE / "tiny-flags", ("grief", "colère", "calme"), problem_type="multi_label_classification"
    )
    to_onnx(toxic, HERE / "tiny-flags" / "model.onnx")
    for weights in HERE.glob("*/model.safetensors"):
        weights.unlink()


if __name__ == "__main__":
    main()

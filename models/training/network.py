"""The network: a small transformer over pieces, and beside it hashed grams. Both give logits of all heads.

The transformer is BERT's (Devlin et al., 2019), with the layers that MiniLM keeps (Wang et al., 2020); the hashed grams
are after fastText (Joulin et al., 2016).
"""

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.grams import LETTER_BUCKETS, WORD_BUCKETS
from models.heads import WIDTH

Bag = tuple[Tensor, Tensor]

PIECE_WIDTH = 384
INNER = 4 * PIECE_WIDTH
HEADS_OF_ATTENTION = 12
POSITIONS = 160
GRAM_WIDTH = 24
HIDDEN = 256
DROPOUT = 0.1
HEAD_DROPOUT = 0.3
WORD_DROPOUT = 0.08
EPSILON = 1e-12


# Of a layer of BERT in transformers: its dense layers and norms by the names of `Layer`, whose one dense layer of
# attention it has in three.
BERT_NAMES = {
    "out": "attention.output.dense",
    "first": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "second": "output.LayerNorm",
}
BERT_ATTENTION = tuple(f"attention.self.{part}" for part in ("query", "key", "value"))


class Layer(nn.Module):
    """Attention and two dense layers, each added to what it took and normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.Linear(PIECE_WIDTH, 3 * PIECE_WIDTH)
        self.out = nn.Linear(PIECE_WIDTH, PIECE_WIDTH)
        self.first = nn.LayerNorm(PIECE_WIDTH, EPSILON)
        self.up = nn.Linear(PIECE_WIDTH, INNER)
        self.down = nn.Linear(INNER, PIECE_WIDTH)
        self.second = nn.LayerNorm(PIECE_WIDTH, EPSILON)
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """`mask` is true where a piece stands, (batch, 1, 1, length)."""
        batch, length, _ = x.shape
        parts = self.attention(x).view(batch, length, 3, HEADS_OF_ATTENTION, -1).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], attn_mask=mask)
        x = self.first(x + self.drop(self.out(seen.transpose(1, 2).reshape(batch, length, PIECE_WIDTH))))
        return cast("Tensor", self.second(x + self.drop(self.down(functional.gelu(self.up(x))))))


class Encoder(nn.Module):
    """Pieces to one vector each."""

    def __init__(self, vocabulary: int, layers: int) -> None:
        super().__init__()
        self.pieces = nn.Embedding(vocabulary, PIECE_WIDTH, padding_idx=0)
        self.places = nn.Embedding(POSITIONS, PIECE_WIDTH)
        self.norm = nn.LayerNorm(PIECE_WIDTH, EPSILON)
        self.layers = nn.ModuleList(Layer() for _ in range(layers))
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, pieces: Tensor) -> tuple[Tensor, Tensor]:
        """The vectors of a padded batch (0 pads), and where pieces stand."""
        there = pieces != 0
        x = self.pieces(pieces)
        if self.training:
            x = x * (torch.rand(pieces.shape) > WORD_DROPOUT).unsqueeze(-1)
        x = self.drop(self.norm(x + self.places.weight[: pieces.shape[1]]))
        for layer in self.layers:
            x = layer(x, there[:, None, None, :])
        return x, there.unsqueeze(-1)


class Network(nn.Module):
    """Logits of all heads. `brand_pieces` are those that stand where the brand is named."""

    def __init__(self, vocabulary: int, layers: int, brand_pieces: tuple[int, int]) -> None:
        super().__init__()
        self.encoder = Encoder(vocabulary, layers)
        self.brand_pieces = brand_pieces
        self.words = nn.EmbeddingBag(WORD_BUCKETS, GRAM_WIDTH, mode="sum")
        self.letters = nn.EmbeddingBag(LETTER_BUCKETS, GRAM_WIDTH, mode="sum")
        for bag in (self.words, self.letters):
            nn.init.uniform_(bag.weight, -0.05, 0.05)
        self.drop = nn.Dropout(HEAD_DROPOUT)
        self.mix = nn.Linear(3 * PIECE_WIDTH, HIDDEN)
        self.deep = nn.Linear(HIDDEN, WIDTH)
        self.wide = nn.Linear(2 * GRAM_WIDTH, WIDTH, bias=False)

    def vector(self, pieces: Tensor) -> Tensor:
        """The mean of the vectors of a text: what its translation must share."""
        x, there = self.encoder(pieces)
        return _mean(x, there)

    def seen(self, pieces: Tensor) -> Tensor:
        """The mean, the largest, and what stands around the brand; nothing where it is not named."""
        x, there = self.encoder(pieces)
        brand = ((pieces == self.brand_pieces[0]) | (pieces == self.brand_pieces[1])).unsqueeze(-1)
        most = x.masked_fill(~there, -1e4).amax(1)
        return torch.cat((_mean(x, there), most, _mean(x, brand)), 1)

    def judged(self, seen: Tensor) -> Tensor:
        """Logits from what was seen."""
        return cast("Tensor", self.deep(self.drop(functional.gelu(self.mix(self.drop(seen))))))

    def forward(self, pieces: Tensor, words: Bag, letters: Bag) -> tuple[Tensor, Tensor]:
        """Logits from the pieces, and logits from the grams."""
        grams = torch.cat((_sum(self.words, words), _sum(self.letters, letters)), 1)
        return self.judged(self.seen(pieces)), self.wide(self.drop(grams))

    @property
    def tables(self) -> tuple[Tensor, Tensor]:
        """Of the grams; each of their rows is seldom met, so they learn faster."""
        return self.words.weight, self.letters.weight


def bert_layers(weights: Mapping[str, Tensor], kept: tuple[int, ...]) -> dict[str, Tensor]:
    """The layers of a BERT under the names of `Encoder`; positions with the first token type added."""
    found = {
        "places.weight": weights["embeddings.position_embeddings.weight"][:POSITIONS]
        + weights["embeddings.token_type_embeddings.weight"][0],
        "norm.weight": weights["embeddings.LayerNorm.weight"],
        "norm.bias": weights["embeddings.LayerNorm.bias"],
    }
    for at, layer in enumerate(kept):
        old = f"encoder.layer.{layer}."
        for kind in ("weight", "bias"):
            three = [weights[f"{old}{name}.{kind}"] for name in BERT_ATTENTION]
            found[f"layers.{at}.attention.{kind}"] = torch.cat(three)
            found |= {f"layers.{at}.{new}.{kind}": weights[f"{old}{name}.{kind}"] for new, name in BERT_NAMES.items()}
    return found


def _mean(x: Tensor, there: Tensor) -> Tensor:
    return (x * there).sum(1) / there.sum(1).clamp(min=1)


def _sum(table: nn.EmbeddingBag, grams: Bag) -> Tensor:
    """The sum of a text's grams over the root of their number: a few telling ones are heard among many."""
    flat, starts = grams
    counts = torch.diff(starts, append=torch.tensor([len(flat)]))
    return cast("Tensor", table(flat, starts) / counts.sqrt().unsqueeze(1))

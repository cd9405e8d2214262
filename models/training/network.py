"""The network: pieces through two convolutions and a pooling, and beside them hashed grams.

Both give logits of all heads, which are added.

Convolutions over word vectors after Kim, "Convolutional Neural Networks for Sentence Classification" (2014);
the hashed grams after fastText.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.grams import LETTER_BUCKETS, WORD_BUCKETS
from models.heads import WIDTH

Bag = tuple[Tensor, Tensor]

PIECE_WIDTH = 128
GRAM_WIDTH = 32
HIDDEN = 256
QUERIES = 4
LAYERS = 2
DROPOUT = 0.3
WORD_DROPOUT = 0.1


class Layer(nn.Module):
    """A residual convolution over three neighbours; positions beyond the text stay zero."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(PIECE_WIDTH)
        self.convolve = nn.Linear(3 * PIECE_WIDTH, PIECE_WIDTH)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        y = self.norm(x)
        y = functional.pad(y if mask is None else y * mask, (0, 0, 1, 1))
        around = torch.cat((y[:, :-2], y[:, 1:-1], y[:, 2:]), 2)
        return x + functional.relu(self.convolve(around))


class Sentence(nn.Module):
    """Pieces to one vector: mean, maximum and what four learned queries attend to."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.pieces = nn.Embedding(vocabulary, PIECE_WIDTH, padding_idx=0)
        nn.init.normal_(self.pieces.weight, std=0.1)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.queries = nn.Linear(PIECE_WIDTH, QUERIES)
        self.out = nn.Linear(PIECE_WIDTH * (QUERIES + 2), HIDDEN)

    def forward(self, vectors: Tensor, mask: Tensor | None = None) -> Tensor:
        x = vectors
        for layer in self.layers:
            x = layer(x, mask)
        scores = self.queries(x)
        if mask is None:
            mean, most = x.mean(1), x.amax(1)
        else:
            mean = (x * mask).sum(1) / mask.sum(1)
            most = x.masked_fill(mask == 0, -1e4).amax(1)
            scores = scores.masked_fill(mask == 0, -1e4)
        seen = (scores.softmax(1).transpose(1, 2) @ x).flatten(1)
        return self.out(torch.cat((mean, most, seen), 1))


class Network(nn.Module):
    """Logits of all heads. Training takes padded pieces with a mask and bags of grams with offsets."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.sentence = Sentence(vocabulary)
        self.words = nn.EmbeddingBag(WORD_BUCKETS, GRAM_WIDTH, mode="sum")
        self.letters = nn.EmbeddingBag(LETTER_BUCKETS, GRAM_WIDTH, mode="sum")
        for bag in (self.words, self.letters):
            nn.init.uniform_(bag.weight, -0.05, 0.05)
        self.drop = nn.Dropout(DROPOUT)
        self.deep = nn.Linear(HIDDEN, WIDTH)
        self.wide = nn.Linear(2 * GRAM_WIDTH, WIDTH, bias=False)
        self.mix = nn.Linear(HIDDEN, HIDDEN)

    def vector(self, pieces: Tensor) -> Tensor:
        """Of a padded batch of pieces (0 pads); in training some pieces are hidden."""
        mask = (pieces != 0).unsqueeze(-1).float()
        vectors = self.sentence.pieces(pieces)
        if self.training:
            vectors = vectors * (torch.rand(pieces.shape) > WORD_DROPOUT).unsqueeze(-1)
        return self.sentence(functional.dropout(vectors, DROPOUT / 2, self.training), mask)

    def heads(self, sentence: Tensor, words: Tensor, letters: Tensor) -> tuple[Tensor, Tensor]:
        """Logits from the vector of the pieces, and logits from the sums of the grams."""
        deep = self.deep(self.drop(functional.gelu(self.mix(self.drop(functional.gelu(sentence))))))
        return deep, self.wide(self.drop(torch.cat((words, letters), 1)))

    def forward(self, pieces: Tensor, words: Bag, letters: Bag) -> tuple[Tensor, Tensor]:
        return self.heads(self.vector(pieces), _sum(self.words, words), _sum(self.letters, letters))

    @property
    def tables(self) -> tuple[Tensor, Tensor]:
        """Of the grams; each of their rows is seldom met, so they learn faster."""
        return self.words.weight, self.letters.weight


def _sum(table: nn.EmbeddingBag, grams: Bag) -> Tensor:
    """The sum of a text's grams over the root of their number: a few telling ones are heard among many."""
    flat, starts = grams
    counts = torch.diff(starts, append=torch.tensor([len(flat)]))
    return table(flat, starts) / counts.sqrt().unsqueeze(1)


class OneText(nn.Module):
    """The same for one text without padding, its tables in half precision: what is shipped."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.tables = nn.ParameterList(
            nn.Parameter(table.weight.detach().half(), requires_grad=False)
            for table in (network.sentence.pieces, network.words, network.letters)
        )

    def forward(self, pieces: Tensor, words: Tensor, letters: Tensor) -> Tensor:
        vectors = functional.embedding(pieces, self.tables[0]).float()
        bags = [_sum_one(grams, table) for grams, table in ((words, self.tables[1]), (letters, self.tables[2]))]
        deep, wide = self.network.heads(self.network.sentence(vectors), bags[0], bags[1])
        return deep + wide


def _sum_one(grams: Tensor, table: Tensor) -> Tensor:
    vectors = functional.embedding(grams, table).float()
    return vectors.sum(1) / (torch.ones_like(vectors[:, :, :1]).sum(1)).sqrt()

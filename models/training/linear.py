"""The measuring stick: a linear model on word and letter n-grams, one classifier a head, on the same rows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier

from models.training.examples import read_words
from models.training.rows import Row

HEADS = ("sentiment", "intent", "urgency", "complaint", "about_brand", "ironic", "escalation")
SEED = 7


class Linear:
    """Labels as strings; for yes or no "1" and "0"."""

    def __init__(self, rows: Sequence[Row]) -> None:
        texts = [_line(row) for row in rows]
        split = {"tokenizer": str.split, "token_pattern": None}
        self._words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, **split)
        self._letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), min_df=4, sublinear_tf=True)
        features = hstack([self._words.fit_transform(texts), self._letters.fit_transform(texts)]).tocsr()
        self._heads = {head: _fit(features, rows, head) for head in HEADS}

    def say(self, rows: Sequence[Row]) -> dict[str, NDArray[np.str_]]:
        """What each head says of each row."""
        texts = [_line(row) for row in rows]
        features = hstack([self._words.transform(texts), self._letters.transform(texts)]).tocsr()
        return {head: one.predict(features) for head, one in self._heads.items()}


def _fit(features: csr_matrix, rows: Sequence[Row], head: str) -> SGDClassifier:
    at = [number for number, row in enumerate(rows) if getattr(row, head) is not None]
    labels = [str(getattr(rows[number], head)) for number in at]
    weights = [rows[number].weight for number in at]
    model = SGDClassifier("log_loss", alpha=3e-6, max_iter=12, class_weight="balanced", random_state=SEED, average=True)
    return model.fit(features[at], labels, sample_weight=weights)


def _line(row: Row) -> str:
    return " ".join(read_words(row))

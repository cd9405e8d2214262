"""Reading texts: each once, also across batches; one that fails is set apart."""

import hashlib
from collections.abc import Sequence

from config.wiring import App
from domain.brand import Brand
from domain.reading import Reading
from storage.readings import known_readings


def read_once(app: App, brand: Brand, texts: Sequence[str]) -> tuple[dict[str, Reading], dict[str, str]]:
    """Readings by text, and why some have none. What this model has read before for this brand is not read again."""
    once = list(dict.fromkeys(texts))
    with app.database.read() as session:
        known = known_readings(session, brand.id, app.reader.name, read_for(app, brand), once)
    read, failed = _read(app, brand, [text for text in once if text not in known])
    return known | read, failed


def read_for(app: App, brand: Brand) -> str:
    """A mark of what a reading depends on beside the text and the model: the brand's names, the reader's settings."""
    told = repr((brand, app.settings.reading))
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:16]


def _read(app: App, brand: Brand, texts: Sequence[str]) -> tuple[dict[str, Reading], dict[str, str]]:
    """A text on which the model fails is set apart and holds up no other."""
    if not texts:
        return {}, {}
    try:
        return dict(zip(texts, app.reader.read(texts, brand), strict=True)), {}
    except (ValueError, RuntimeError, IndexError, KeyError) as error:
        if len(texts) == 1:
            return {}, {texts[0]: f"cannot be read: {type(error).__name__}"}
    halves = [_read(app, brand, part) for part in (texts[: len(texts) // 2], texts[len(texts) // 2 :])]
    return halves[0][0] | halves[1][0], halves[0][1] | halves[1][1]

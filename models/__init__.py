"""What a text means: language, sentiment, intent, urgency, flags and the entities named in it."""

import os
import sys
from types import ModuleType

# Before transformers is imported: that torch is missing is how it should be here, not worth a line to the operator.
os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")

# spaCy imports its command line, half of its import, for one function that nothing here calls (docs/decisions/0013).
if "spacy" not in sys.modules:
    for _name in ("spacy.cli", "spacy.cli.info"):
        sys.modules[_name] = ModuleType(_name)
    vars(sys.modules["spacy.cli.info"])["info"] = None

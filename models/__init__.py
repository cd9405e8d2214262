"""What a text means: language, sentiment, intent, urgency, flags and the entities named in it."""

import os

# Before transformers is imported: that torch is missing is how it should be here, not worth a line to the operator.
os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")

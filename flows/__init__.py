"""The stages as Prefect flows. They move ids and counts; the truth about the work is in our own tables."""

import os

# Before Prefect is imported: nothing is told to anybody outside, and a run speaks up only when something is wrong.
_DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_TO_API_ENABLED": "true" if os.environ.get("PREFECT_API_URL") else "false",
}
for _name, _value in _DEFAULTS.items():
    os.environ.setdefault(_name, _value)

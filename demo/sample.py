"""The sample brand's settings and its day."""

from datetime import UTC, datetime

SAMPLE_NOW = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)  # Monday, 10:30 in Paris
OFFSET_VARIABLE = "VIGIE_CLOCK__OFFSET_SECONDS"

_SETTINGS = """\
# The demo's settings: the sample brand Hirondelle, an invented parcel and telecom firm.

[brand]
id = "hirondelle"
name = "Hirondelle"
aliases = ["Colis Hirondelle", "Hirondelle Mobile", "Relais Hirondelle", "hirondele", "Hirondel"]
products = ["box Nid", "le Nid", "Nid Fibre", "Mon Hirondelle"]
accounts = [
  "mastodon:hirondelle", "mastodon:HirondelleAide",
  "bluesky:hirondelle", "bluesky:HirondelleAide",
  "x:hirondelle", "x:HirondelleAide",
]
website = "https://www.hirondelle.example"

[listeners.files]
paths = ["sample/posts"]

[matching]
start = "acting"
start_reason = "the sample's truth is known, and its messages go to a folder"

[channels.folder]
path = "outbox"

[channels.email]
sender = "aide@hirondelle.example"

# What would be done by rule: noted on the cases, not done, until dry_run = false.
[[playbooks]]
name = "refund"
when = { intent = "refund_return", customer = true }
then = [{ assign = "billing" }, { template = "intent" }, { callback = true, within_hours = 8 }]

[[playbooks]]
name = "late-answer"
when = { deadline = "first_answer_missed", severity = "high" }
then = [{ notify = "team" }]
"""


def settings_text() -> str:
    """The `vigie.toml` of the demo."""
    return _SETTINGS

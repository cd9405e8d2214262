"""Rules in `vigie.toml`: a mistake is one line that names it; the page of rules is the rules."""

import re
from pathlib import Path

import pytest

from config.load import load_settings
from domain.errors import Misconfigured
from routing.playbooks import CASE_KEYS, DEADLINES, SURVEYS, VERBS, WITHIN
from routing.segments import CUSTOMER_KEYS

PAGE = (Path(__file__).parents[3] / "docs" / "playbooks.md").read_text(encoding="utf-8")
GOOD = """
[[segments]]
name = "regulars"
when = { purchases_at_least = 3, purchases_within_days = 365 }
[[playbooks]]
name = "late"
when = { intent = "delivery", segment = "regulars" }
then = [ { assign = "logistics" }, { template = "intent" }, { callback = true, within_hours = 4 } ]
"""


def load(tmp_path: Path, text: str) -> tuple[list[str], list[bool]]:
    file = tmp_path / "vigie.toml"
    file.write_text(text, encoding="utf-8")
    books = [section.playbook() for section in load_settings(file, {}).playbooks]
    return [book.name for book in books], [book.dry_run for book in books]


def test_a_playbook_is_dry_until_somebody_says_otherwise(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD) == (["late"], [True])
    assert load(tmp_path, GOOD + "dry_run = false\n") == (["late"], [False])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("intent =", "intnt =", "playbooks.0: Value error, unknown key intnt, did you mean intent?"),
        ('"delivery"', '"delivry"', "'delivry' is not known, did you mean delivery?"),
        ('segment = "regulars"', 'segment = "regular"', "late: segment 'regular' is not known, did you mean regulars?"),
        ("assign", "asign", "unknown action asign, did you mean assign?"),
        ('"intent" }', '"dlivery" }', "there is no template 'dlivery', did you mean delivery?"),
        ("within_hours = 4", "within_hours = 0", "within_hours is a number of hours above 0"),
        ("purchases_at_least", "purchase_at_least", "segments.0: Value error, unknown key purchase_at_least, did you"),
        ('name = "late"', 'name = "Late!"', "playbooks.0.name"),
        ('name = "late"', 'name = "late"\ndryrun = true', "unknown key playbooks.0.dryrun, did you mean playbooks.0.dry_run?"),
        ("[[playbooks]]", '[[segments]]\nname = "regulars"\nwhen = { country = "FR" }\n[[playbooks]]', "two have the name"),
        ("when = { purchases_at_least = 3, purchases_within_days = 365 }", "when = {}", "at least one key"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_it(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(Misconfigured) as error:
        load(tmp_path, GOOD.replace(old, new, 1))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_playbook_may_draft_from_a_template_of_the_operators_own(tmp_path: Path) -> None:
    book = GOOD.replace('"intent" }', '"loyalty" }')
    with pytest.raises(Misconfigured, match="late: there is no template 'loyalty'"):
        load(tmp_path, book)
    (tmp_path / "words").mkdir()
    book = '[templates]\nfolder = "words"\n' + book
    (tmp_path / "words" / "loyalty.fr.toml").touch()
    with pytest.raises(Misconfigured, match=r"late: there is no template loyalty\.en\.toml"):
        load(tmp_path, book)
    (tmp_path / "words" / "loyalty.en.toml").touch()
    assert load(tmp_path, book)[0] == ["late"]


def test_a_segment_that_a_playbook_names_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="there are none"):
        load(tmp_path, GOOD[GOOD.index("[[playbooks]]") :])


def test_the_examples_of_the_page_can_be_read(tmp_path: Path) -> None:
    names, dry = load(tmp_path, "\n".join(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)))
    assert len(names) >= 4
    assert all(dry)


def test_the_page_names_every_key_and_action() -> None:
    words = {*CASE_KEYS, *CUSTOMER_KEYS, *VERBS, WITHIN, *DEADLINES, *SURVEYS, "not", "any"}
    assert [word for word in sorted(words) if not re.search(rf"\b{word}\b", PAGE)] == []

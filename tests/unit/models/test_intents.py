import pytest

from domain.errors import Misconfigured
from models.intents import load_intents

IDS = (
    "outage delivery defect billing refund_return account_security service_quality churn_cancel question suggestion "
    "praise mention_other spam"
)


def test_all_thirteen_are_there_in_order() -> None:
    assert " ".join(load_intents()) == IDS


def test_every_intent_has_examples_in_two_languages_and_a_team() -> None:
    for intent in load_intents().values():
        assert len(intent.examples) >= 2
        assert intent.team
        assert intent.template


def test_a_grievance_never_belongs_to_the_community_team() -> None:
    assert not [one.id for one in load_intents().values() if one.grievance and one.team == "community"]


def test_a_broken_file_is_named(tmp_path) -> None:  # type: ignore[no-untyped-def]
    broken = tmp_path / "intents.toml"
    broken.write_text('[[intent]]\nid = "x"\n')
    with pytest.raises(Misconfigured, match=r"intents\.toml"):
        load_intents(broken)

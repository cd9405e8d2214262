import pytest

from models.training.mapping import banking_intent, clinc_intent, hint3_intent, nlupp_intent


@pytest.mark.parametrize(
    ("label", "intent"),
    [
        ("card_payment_fee_charged", "billing"),
        ("request_refund", "refund_return"),
        ("Refund_not_showing_up", "refund_return"),
        ("card_not_working", "defect"),
        ("reverted_card_payment?", "defect"),
        ("lost_or_stolen_card", "account_security"),
        ("card_arrival", "delivery"),
        ("terminate_account", "churn_cancel"),
        ("age_limit", "question"),
        ("pending_top_up", None),
    ],
)
def test_bank_labels_follow_the_taxonomy(label: str, intent: str | None) -> None:
    assert banking_intent(label) == intent


def test_other_sets_likewise() -> None:
    assert clinc_intent("oos") == "mention_other"
    assert clinc_intent("roll_dice") is None
    assert hint3_intent("DELAY_IN_PARCEL") == "delivery"
    assert nlupp_intent(["thank", "refund", "when"]) == "refund_return"

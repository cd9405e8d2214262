"""What the labels of public sets mean in ours. A label that is not named here teaches no intent."""

BANKING_SECURITY = (
    "lost",
    "stolen",
    "pin",
    "identity",
    "passcode",
    "compromised",
    "personal_details",
    "source_of_funds",
)
BANKING_DEFECT = ("not_working", "declined", "failed", "swallowed", "reverted", "card_acceptance")
BANKING_UNCLEAR = ("pending", "not_updated", "not_received", "wrong_amount", "exchange_rate")

BITEXT = {
    "track_order": "delivery",
    "delivery_options": "delivery",
    "delivery_period": "delivery",
    "change_shipping_address": "delivery",
    "set_up_shipping_address": "delivery",
    "payment_issue": "billing",
    "check_invoice": "billing",
    "check_invoices": "billing",
    "get_invoice": "billing",
    "check_payment_methods": "billing",
    "get_refund": "refund_return",
    "track_refund": "refund_return",
    "check_refund_policy": "refund_return",
    "cancel_order": "refund_return",
    "create_account": "account_security",
    "delete_account": "account_security",
    "edit_account": "account_security",
    "switch_account": "account_security",
    "recover_password": "account_security",
    "registration_problems": "account_security",
    "check_cancellation_fee": "churn_cancel",
    "contact_customer_service": "question",
    "contact_human_agent": "question",
    "complaint": "service_quality",
}
BITEXT_SECOND = {"check_cancellation_fee": "billing"}

CLINC = {
    "question": "application_status apr balance bill_balance bill_due book_flight book_hotel car_rental carry_on "
    "confirm_reservation credit_limit credit_score direct_deposit exchange_rate expiration_date flight_status "
    "insurance interest_rate international_fees international_visa min_payment new_card order_checks plug_type "
    "redeem_rewards replacement_card_duration rewards_balance routing taxes transactions travel_alert vaccines "
    "accept_reservations how_busy restaurant_reviews credit_limit_change insurance_change",
    "account_security": "account_blocked freeze_account pin_change report_fraud report_lost_card",
    "defect": "card_declined damaged_card",
    "delivery": "lost_luggage",
    "refund_return": "cancel_reservation",
    "praise": "thank_you",
    "mention_other": "oos meaning_of_life do_you_have_pets tell_joke fun_fact what_are_your_hobbies recipe weather "
    "traffic play_music greeting goodbye date time calories meal_suggestion next_holiday where_are_you_from",
}

HINT3 = {
    "question": "CALL_CENTER CONSULT_START EXPIRY_DATE FRANCHISE INTERNATIONAL_SHIPPING MODES_OF_PAYMENTS ORDER_TAKING "
    "ORIGINAL_PRODUCT CHECK_PINCODE RECOMMEND_PRODUCT REFER_EARN STORE_INFORMATION OFFERS_AND_REFERRALS "
    "WITHDRAWAL_TIME WITHDRAWAL_INTRO TEAM_DEADLINE TYPES_BONUS HOW_TO_PLAY WHY_VERIFY EMI COD ORTHO_FEATURES "
    "ERGO_FEATURES COMPARISON WARRANTY 100_NIGHT_TRIAL_OFFER SIZE_CUSTOMIZATION WHAT_SIZE_TO_ORDER "
    "DISTRIBUTORS MATTRESS_COST PRODUCT_VARIANTS PILLOWS OFFERS CONTACT_NUMBER CHAT_WITH_AN_AGENT CHAT_WITH_AGENT",
    "delivery": "DELAY_IN_PARCEL ORDER_STATUS RESUME_DELIVERY MODIFY_ADDRESS DELAY_IN_DELIVERY",
    "refund_return": "CANCEL_ORDER REFUNDS_RETURNS_REPLACEMENTS REFUND_OF_WRONG_AMOUNT REFUND_OF_ADDED_CASH "
    "RETURN_EXCHANGE",
    "billing": "PAYMENT_AND_BILL ACCOUNT_BALANCE_DEDUCTED DEDUCTED_AMOUNT_NOT_RECEIVED LESS_WINNINGS_AMOUNT",
    "account_security": "SIGN_UP VERIFY_EMAIL VERIFY_MOBILE VERIFY_PAN PAN_VERIFICATION_FAILED ACCOUNT_NOT_VERIFIED "
    "ACCOUNT_RESET CHANGE_MOBILE_NUMBER CHANGE_BANK_ACCOUNT NO_EMAIL_CONFIRMATION",
    "defect": "PORTAL_ISSUE POINTS_NOT_UPDATED WRONG_SCORES CANNOT_SEE_JOINED_CONTESTS SIDE_EFFECT",
    "praise": "THANKS APPRECIATION",
    "service_quality": "CRITICISM",
}

NLUPP = (  # the first that a row carries decides
    ("refund", "refund_return"),
    ("lost_stolen", "account_security"),
    ("pin", "account_security"),
    ("wrong_notworking_notshowing", "defect"),
    ("fees_interests", "billing"),
    ("request_info", "question"),
    ("how", "question"),
    ("when", "question"),
    ("thank", "praise"),
)


def _by_label(table: dict[str, str]) -> dict[str, str]:
    return {label: intent for intent, labels in table.items() for label in labels.split()}


_CLINC = _by_label(CLINC)
_HINT3 = _by_label(HINT3)


def banking_intent(label: str) -> str | None:
    """TAXONOMY's rule for Banking77; what is neither asked nor clearly wrong is left out."""
    name = label.lower().rstrip("?")
    if "charge" in name or "fee" in name or "not_recognised" in name:
        return "billing"
    if "refund" in name:
        return "refund_return"
    if any(part in name for part in BANKING_SECURITY):
        return "account_security"
    if any(part in name for part in BANKING_DEFECT):
        return "defect"
    if name in ("card_arrival", "card_delivery_estimate"):
        return "delivery"
    if name == "terminate_account":
        return "churn_cancel"
    return None if any(part in name for part in BANKING_UNCLEAR) else "question"


def clinc_intent(label: str) -> str | None:
    """Of one CLINC150 label."""
    return _CLINC.get(label)


def hint3_intent(label: str) -> str | None:
    """Of one HINT3 label."""
    return _HINT3.get(label)


def nlupp_intent(labels: list[str]) -> str | None:
    """Of the labels of one NLU++ row."""
    return next((intent for label, intent in NLUPP if label in labels), None)

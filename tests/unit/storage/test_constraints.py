"""The database itself refuses rows that cannot be, and names the rule that they break."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import UniqueConstraint, inspect
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from storage.database import Database
from storage.tables import (
    AbsenceRow,
    AppetenceRow,
    AuthorRow,
    Base,
    CallbackRow,
    CaseMoveRow,
    CaseOutcomeRow,
    CasePostRow,
    CaseRow,
    ClaimCodeRow,
    ClaimRow,
    ConsentRow,
    ContactPointRow,
    CorrectionRow,
    CustomerLinkRow,
    CustomerRow,
    DeskCommentRow,
    DeskTicketRow,
    DuplicateRow,
    GradeStateRow,
    IdentityRow,
    InteractionRow,
    LinkEventRow,
    MatchAuditRow,
    MatchRow,
    MessageRow,
    NoticeRow,
    ObjectionRow,
    PlaybookRunRow,
    PostRow,
    PostVersionRow,
    PreferenceRow,
    ReadingRow,
    ReceiptRow,
    ResolutionRow,
    ReviewVoteRow,
    RuptureRow,
    SurveyRow,
    UnlinkableRow,
    UserBrandRow,
    UserRow,
)
from tests.unit.samples import BRAND, NOW, undone

Facts = dict[str, Any]


class Rows:
    """One sound row of each kind, and variations of it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.sound: dict[type[Base], Facts] = {}
        self.put(CustomerRow, customer_id="C1", name="Claire Martin", row_hash="h", changed_at=NOW)
        self.put(AuthorRow, network="mastodon", native_id="a1")
        self.put(
            PostRow, network="mastodon", native_id="1", text="x", content_hash="h", heard_at=NOW, thread="1", version=1
        )
        post, customer = self.key(PostRow), self.key(CustomerRow)
        self.put(PostVersionRow, post_id=post, version=1, text="x", heard_at=NOW)
        self.put(ReadingRow, post_id=post, version=1, content_hash="h", language="fr", sentiment="negative",
                 intent="delivery", urgency="normal", complaint=0.9, about_brand=0.9, ironic=0.1, escalation=0.1,
                 unhappy=True, details={}, model="m", read_at=NOW)  # fmt: skip
        self.put(CorrectionRow, post_id=post, version=1, head="intent", label="billing", by="anna", at=NOW, model="m")
        self.put(MatchRow, post_id=post, customer_key=customer, grade="stated", action="link", none_probability=0.1,
                 version="v", decided_at=NOW)  # fmt: skip
        self.put(CaseRow, subject=f"customer:{customer}", network="mastodon", thread="1", customer_key=customer,
                 state="new", grade="stated", intent="delivery", severity="normal", moment="delivery", language="fr",
                 priority=50, team="care", opened_at=NOW, last_post_at=NOW, contact_state="pending")  # fmt: skip
        case = self.key(CaseRow)
        self.put(CasePostRow, case_id=case, post_id=post, role="complaint")
        self.put(MessageRow, message_id="m1", key="1:service:first", case_id=case, customer_key=customer, channel="email",
                 template="delivery", language="fr", decision={}, send_after=NOW, reserved_at=NOW, state="reserved",
                 purpose="service")  # fmt: skip
        self.put(
            ReceiptRow,
            message_key=self.key(MessageRow),
            provider="smtp",
            provider_event_id="e1",
            state="delivered",
            at=NOW,
        )
        self.put(SurveyRow, case_id=case, kind="csat", asked_at=NOW)
        self.put(ContactPointRow, customer_key=customer, kind="email", value="claire@example.org")
        self.put(ConsentRow, customer_key=customer, channel="email", purpose="service", status="granted", at=NOW)
        self.put(ObjectionRow, customer_key=customer, topic="all", at=NOW)
        self.put(PreferenceRow, customer_key=customer, channel="email", source="declared")
        self.put(
            IdentityRow,
            customer_key=customer,
            network="mastodon",
            account_id="a1",
            proof="declared",
            how="file",
            at=NOW,
        )
        self.put(
            InteractionRow, interaction_id="I1", customer_id="C1", channel="phone", direction="in", at=NOW, row_hash="h"
        )
        self.put(ClaimRow, case_id=case, author_id=self.key(AuthorRow), network="mastodon", delivery="public",
                 token_hash="t1", salt="s", key_version=1, issued_at=NOW, issued_by="anna", expires_at=NOW)  # fmt: skip
        self.put(ClaimCodeRow, claim_id=self.key(ClaimRow), visitor="v", salt="s", code_hash="c", asked_at=NOW,
                 expires_at=NOW)  # fmt: skip
        self.put(UnlinkableRow, network="mastodon", account_hash="h", since=NOW, why="account")
        self.put(LinkEventRow, post_id=post, author_id=self.key(AuthorRow), customer_key=customer, kind="confirmed",
                 is_customer=True, by="anna", at=NOW)  # fmt: skip
        self.put(MatchAuditRow, post_id=post, customer_key=customer, kind="link", grade="stated", version="v", rate=0.1,
                 sampled_at=NOW)  # fmt: skip
        self.put(ReviewVoteRow, post_id=post, customer_key=customer, answer="yes", by="anna", at=NOW)
        self.put(GradeStateRow, grade="stated", state="shadow", by="anna", at=NOW, why="new shop")
        other = CustomerRow(brand_id=BRAND.id, customer_id="C9", name="N", row_hash="h", changed_at=NOW)
        session.add(other)
        session.flush()
        self.put(CustomerLinkRow, kept=customer, merged=other.id, by="anna", at=NOW)
        self.put(DuplicateRow, first=customer, second=other.id, score=0.9, maker="vigie", proposed_at=NOW)
        second = CaseRow(
            **{name: value for name, value in self.sound[CaseRow].items() if name != "id"} | {"thread": "5"}
        )
        session.add(second)
        session.flush()
        self.put(CaseMoveRow, kind="merge", source=second.id, target=case, why="same matter", by="anna", at=NOW)
        self.put(ResolutionRow, case_id=case, outcome="refunded", amount_cents=1290, currency="EUR", by="anna", at=NOW)
        self.put(NoticeRow, key="1:opened", case_id=case, kind="opened", team="care", send_after=NOW)
        self.put(CallbackRow, case_id=case, starts_at=NOW, ends_at=NOW + timedelta(hours=1))
        self.put(AppetenceRow, subject="all", channel="email", tried=10, answered=4, solved=2, at=NOW)
        self.put(RuptureRow, customer_key=customer, kind="asked_again", at=NOW, found_at=NOW)
        self.put(CaseOutcomeRow, case_id=case, resolved_at=NOW, until=NOW + timedelta(days=30), at=NOW)
        self.put(PlaybookRunRow, case_id=case, playbook="late", version="1", occasion="opened", dry_run=False, at=NOW)
        self.put(DeskTicketRow, case_id=case, desk="zammad", remote_id="7", created_at=NOW)
        self.put(DeskCommentRow, ticket_key=self.key(DeskTicketRow), remote_id="9", direction="in", at=NOW)
        session.add(UserRow(id=77_001, email="anna@example.org", name="Anna", password_hash="h", created_at=NOW))
        session.flush()

    def put(self, table: type[Base], **facts: Any) -> None:
        self.sound[table] = {"brand_id": BRAND.id, **facts}
        row = table(**self.sound[table])
        self.session.add(row)
        self.session.flush()
        self.sound[table]["id"] = row.id  # type: ignore[attr-defined]

    def key(self, table: type[Base]) -> int:
        return int(self.sound[table]["id"])

    def refusal(self, table: type[Base], **facts: Any) -> str:
        """What the database says to a row like the sound one but for these facts."""
        wanted = {name: value for name, value in self.sound.get(table, {}).items() if name != "id"}
        with pytest.raises(IntegrityError) as caught, self.session.begin_nested():
            self.session.add(table(**(wanted | facts)))
        return str(caught.value.orig)


OTHER = {"native_id": "2", "thread": "2"}

# table, what is wrong with the row, the rule's name
IMPOSSIBLE: list[tuple[type[Base], Facts, str]] = [
    (PostRow, OTHER | {"deleted_at": NOW, "stage": "gone"}, "ck_posts_deleted_has_no_text"),
    (PostRow, OTHER | {"text": None}, "ck_posts_deleted_has_no_text"),
    (PostRow, OTHER | {"text": None, "deleted_at": NOW, "stage": "read"}, "ck_posts_deleted_is_gone"),
    (PostRow, OTHER | {"stage": "gone"}, "ck_posts_deleted_is_gone"),
    (PostRow, OTHER | {"stage": "lost"}, "ck_posts_stage_known"),
    (PostRow, OTHER | {"version": 0}, "ck_posts_version_positive"),
    (ReadingRow, {"version": 2, "complaint": 1.01}, "ck_readings_complaint_is_probability"),
    (ReadingRow, {"version": 2, "about_brand": -0.01}, "ck_readings_about_brand_is_probability"),
    (ReadingRow, {"version": 2, "sentiment": "furious"}, "ck_readings_sentiment_known"),
    (ReadingRow, {"version": 2, "urgency": "now"}, "ck_readings_urgency_known"),
    (InteractionRow, {"interaction_id": "I2", "direction": "up"}, "ck_interactions_direction_known"),
    (CustomerRow, {"customer_id": "C2", "status": "dead"}, "ck_customers_status_known"),
    (ContactPointRow, {"kind": "fax", "value": "1"}, "ck_contact_points_kind_known"),
    (ConsentRow, {"purpose": "fun"}, "ck_consents_purpose_known"),
    (ConsentRow, {"status": "perhaps"}, "ck_consents_status_known"),
    (ObjectionRow, {"topic": "mondays"}, "ck_objections_topic_known"),
    (PreferenceRow, {"source": "guessed"}, "ck_preferences_source_known"),
    (IdentityRow, {"account_id": "a2", "proof": "resembles"}, "ck_identities_proof_known"),
    (CorrectionRow, {"head": "mood"}, "ck_corrections_head_known"),
    (MatchRow, {"customer_key": None}, "ck_matches_link_names_customer"),
    (MatchRow, {"action": "review"}, "ck_matches_link_names_customer"),
    (MatchRow, {"grade": "none"}, "ck_matches_link_has_proof"),
    (MatchRow, {"grade": "likely"}, "ck_matches_grade_known"),
    (MatchRow, {"action": "guess", "customer_key": None}, "ck_matches_action_known"),
    (MatchRow, {"review": "later"}, "ck_matches_review_known"),
    (CaseRow, {"thread": "2", "customer_key": None}, "ck_cases_subject_is_customer"),
    (CaseRow, {"thread": "2", "subject": "author:1"}, "ck_cases_subject_is_customer"),
    (CaseRow, {"thread": "2", "priority": 101}, "ck_cases_priority_range"),
    (CaseRow, {"thread": "2", "priority": -1}, "ck_cases_priority_range"),
    (CaseRow, {"thread": "2", "contact_state": "held"}, "ck_cases_held_has_time"),
    (CaseRow, {"thread": "2", "contact_at": NOW}, "ck_cases_held_has_time"),
    (CaseRow, {"thread": "2", "state": "merged"}, "ck_cases_merged_names_case"),
    (CaseRow, {"thread": "2", "state": "asleep"}, "ck_cases_state_known"),
    (CaseRow, {"thread": "2", "severity": "huge"}, "ck_cases_severity_known"),
    (CaseRow, {"thread": "2", "grade": "sure"}, "ck_cases_grade_known"),
    (CaseRow, {"thread": "2", "contact_state": "soon"}, "ck_cases_contact_state_known"),
    (CaseRow, {"thread": "2", "contact_action": "shout"}, "ck_cases_contact_action_known"),
    (CasePostRow, {"role": "witness"}, "ck_case_posts_role_known"),
    (MessageRow, {"message_id": "m2", "key": "2", "state": "handed_over"}, "ck_messages_handed_over_is_dated"),
    (MessageRow, {"message_id": "m2", "key": "2", "state": "handing_over"}, "ck_messages_handing_over_is_dated"),
    (MessageRow, {"message_id": "m2", "key": "2", "state": "sent"}, "ck_messages_state_known"),
    (MessageRow, {"message_id": "m2", "key": "2", "purpose": "fun"}, "ck_messages_purpose_known"),
    (ReceiptRow, {"provider_event_id": "e2", "state": "seen"}, "ck_receipts_state_known"),
    (SurveyRow, {"kind": "mood"}, "ck_surveys_kind_known"),
    (SurveyRow, {"score": 4}, "ck_surveys_answered_has_score"),
    (SurveyRow, {"answered_at": NOW}, "ck_surveys_answered_has_score"),
    (ClaimRow, {"token_hash": "t2", "state": "lost"}, "ck_claims_state_known"),
    (ClaimRow, {"token_hash": "t2", "delivery": "pigeon"}, "ck_claims_delivery_known"),
    (ClaimRow, {"token_hash": "t2", "state": "agreed"}, "ck_claims_used_is_dated"),
    (ClaimRow, {"token_hash": "t2", "used_at": NOW}, "ck_claims_used_is_dated"),
    (ClaimCodeRow, {"tries": 6}, "ck_claim_codes_tries_range"),
    (ClaimCodeRow, {"confirmed_at": NOW}, "ck_claim_codes_confirmed_names_customer"),
    (ClaimCodeRow, {"agreed_at": NOW}, "ck_claim_codes_agreed_is_confirmed"),
    (CustomerLinkRow, {"merged": 1, "kept": 1}, "ck_customer_links_two_records"),
    (CustomerLinkRow, {"undone_at": NOW}, "ck_customer_links_undone_by_somebody"),
    (DuplicateRow, {"first": 7, "second": 6}, "ck_duplicate_proposals_pair_is_ordered"),
    (DuplicateRow, {"second": 10**6, "score": 1.1}, "ck_duplicate_proposals_score_is_share"),
    (DuplicateRow, {"second": 10**6, "state": "lost"}, "ck_duplicate_proposals_state_known"),
    (LinkEventRow, {"kind": "guessed"}, "ck_link_events_kind_known"),
    (LinkEventRow, {"undoes": 1}, "ck_link_events_undone_names_event"),
    (LinkEventRow, {"is_customer": None}, "ck_link_events_word_says_which"),
    (MatchAuditRow, {"customer_key": 2, "kind": "mood"}, "ck_match_audits_kind_known"),
    (MatchAuditRow, {"customer_key": 2, "grade": "sure"}, "ck_match_audits_grade_known"),
    (MatchAuditRow, {"customer_key": 2, "verdict": "fine", "at": NOW}, "ck_match_audits_verdict_known"),
    (MatchAuditRow, {"customer_key": 2, "verdict": "right"}, "ck_match_audits_verdict_is_dated"),
    (MatchAuditRow, {"customer_key": 2, "rate": 0}, "ck_match_audits_rate_is_share"),
    (ReviewVoteRow, {"by": "lea", "answer": "perhaps"}, "ck_review_votes_answer_known"),
    (GradeStateRow, {"grade": "sure"}, "ck_grade_states_grade_known"),
    (GradeStateRow, {"state": "asleep"}, "ck_grade_states_state_known"),
    (CaseMoveRow, {"kind": "theft"}, "ck_case_moves_kind_known"),
    (CaseMoveRow, {"source": 1, "target": 1}, "ck_case_moves_two_cases"),
    (CaseMoveRow, {"undone_at": NOW}, "ck_case_moves_undone_by_somebody"),
    (ResolutionRow, {"outcome": "ignored"}, "ck_resolutions_outcome_known"),
    (ResolutionRow, {"currency": None}, "ck_resolutions_amount_has_currency"),
    (ResolutionRow, {"amount_cents": -1}, "ck_resolutions_amount_positive"),
    (NoticeRow, {"key": "2", "state": "lost"}, "ck_notices_state_known"),
    (AbsenceRow, {"person": "anna", "first_day": NOW.date(), "last_day": NOW.date() - timedelta(days=1)},
     "ck_absences_days_in_order"),
    (CallbackRow, {"state": "asleep"}, "ck_callbacks_state_known"),
    (CallbackRow, {"ends_at": NOW}, "ck_callbacks_slot_has_length"),
    (AppetenceRow, {"subject": "segment:vip", "tried": -1}, "ck_appetence_counts_positive"),
    (RuptureRow, {"at": NOW - timedelta(days=1), "kind": "mood"}, "ck_ruptures_kind_known"),
    (CaseOutcomeRow, {"verdict": "happy"}, "ck_case_outcomes_verdict_known"),
    (DeskCommentRow, {"remote_id": "10", "direction": "up"}, "ck_desk_comments_direction_known"),
    (UserBrandRow, {"user_id": 77_001, "brand_id": BRAND.id, "role": "owner"}, "ck_user_brands_role_known"),
]  # fmt: skip
TWICE = (
    PostRow, PostVersionRow, ReadingRow, AuthorRow, CustomerRow, ContactPointRow, ConsentRow, ObjectionRow,
    PreferenceRow, IdentityRow, MatchRow, CaseRow, CasePostRow, MessageRow, ReceiptRow, ClaimRow, UnlinkableRow,
    MatchAuditRow, ReviewVoteRow, NoticeRow, AppetenceRow, RuptureRow, CaseOutcomeRow, PlaybookRunRow, DeskTicketRow,
    DeskCommentRow,
)  # fmt: skip


def test_impossible_rows_are_refused_by_named_rules(shared_database: Database) -> None:
    with undone(shared_database) as session:
        rows = Rows(session)
        named = {(table.__name__, str(facts)): rows.refusal(table, **facts) for table, facts, _ in IMPOSSIBLE}
    wrong = {
        (table.__name__, str(facts)): named[table.__name__, str(facts)]
        for table, facts, rule in IMPOSSIBLE
        if rule not in named[table.__name__, str(facts)]
    }
    assert wrong == {}


def test_every_check_of_the_schema_is_tried_here() -> None:
    checks = {
        constraint.name
        for table in Base.metadata.tables.values()
        for constraint in table.constraints
        if str(constraint.name).startswith("ck_")
    }
    assert checks == {rule for _, _, rule in IMPOSSIBLE}


def test_what_is_unique_cannot_be_there_twice(shared_database: Database) -> None:
    with undone(shared_database) as session:
        rows = Rows(session)
        for table in TWICE:
            said = rows.refusal(table)
            names = [str(c.name) for c in inspect(table).local_table.constraints if isinstance(c, UniqueConstraint)]  # type: ignore[attr-defined]
            columns = [
                ", ".join(f"{table.__tablename__}.{column.name}" for column in c.columns)
                for c in inspect(table).local_table.constraints  # type: ignore[attr-defined]
                if isinstance(c, UniqueConstraint)
            ]
            assert any(word in said for word in (*names, *columns)), said


def test_nothing_hangs_on_what_is_not_there(shared_database: Database) -> None:
    with undone(shared_database) as session:
        rows = Rows(session)
        absent = 9_999_999
        for table, facts in (
            (PostRow, OTHER | {"author_id": absent}),
            (PostRow, OTHER | {"brand_id": "nobody"}),
            (CasePostRow, {"post_id": absent}),
            (MatchRow, {"post_id": absent}),
            (CaseRow, {"thread": "2", "customer_key": absent, "subject": f"customer:{absent}"}),
            (CaseRow, {"thread": "2", "state": "merged", "merged_into": absent}),
            (MessageRow, {"message_id": "m2", "key": "2", "case_id": absent}),
            (SurveyRow, {"case_id": absent}),
        ):
            said = rows.refusal(table, **facts)
            assert "foreign key" in said.lower(), (table, facts, said)


def test_sound_rows_are_taken(shared_database: Database) -> None:
    with undone(shared_database) as session:
        rows = Rows(session)
        merged = rows.sound[CaseRow] | {"subject": "merged:9", "customer_key": None, "state": "merged",
                                        "merged_into": rows.key(CaseRow)}  # fmt: skip
        held = rows.sound[CaseRow] | {"thread": "9", "contact_state": "held", "contact_at": NOW + timedelta(hours=1)}
        for facts in (merged, held):
            session.add(CaseRow(**{name: value for name, value in facts.items() if name != "id"}))
        session.add(
            PostRow(
                brand_id=BRAND.id, network="x", native_id="1", heard_at=NOW, thread="1", stage="gone", deleted_at=NOW
            )
        )
        session.flush()

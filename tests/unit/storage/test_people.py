"""A person may see all that is held of him, and have it erased: then he is in no table any more."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import JSON, String, Text, func, select
from sqlalchemy.orm import Session

from config.wiring import App
from domain.customer import Account, Consent, Interaction
from domain.post import AuthorChanged
from routing.crm import import_customers, import_interactions, import_orders, keyring
from routing.intake import route_batch
from routing.matching.quoted import quoted_hashes
from storage import cases, messages
from storage.corrections import correct
from storage.people import erase_customer, everything_of
from storage.posts import store_events
from storage.quotes import save_quotes
from storage.readings import save_reading
from storage.tables import (
    AuditRow,
    AuthorRow,
    Base,
    CallbackRow,
    CaseEventRow,
    CaseOutcomeRow,
    CaseRow,
    CustomerRow,
    DeskTicketRow,
    MatchRow,
    MessageRow,
    NoteRow,
    PostRow,
    QuietTimeRow,
    ReceiptRow,
    ResolutionRow,
    RuptureRow,
    SurveyRow,
)
from tests.unit.samples import ACTING, BRAND, NOW, author, customer, entity, heard, minute, order, reading

# An id that JSON writes in two ways: it must be found in both.
HIS_ID = 'C-Ünï"17'
EMAIL, PHONE, ORDER, ACCOUNT = "solene.quemeneur@example.org", "+33698765432", "HR5550001234", "acc-551177"
HIS_WORDS = (
    "solène", "sol\\u00e8ne", "quémeneur", "qu\\u00e9meneur", "quemeneur", EMAIL, PHONE, "98765432", ORDER, ACCOUNT,
    HIS_ID, json.dumps(HIS_ID)[1:-1], "rue des goélands", "rue des go\\u00e9lands",
)  # fmt: skip
HE = customer(
    HIS_ID, "Solène", "Quémeneur", emails=(EMAIL,), phones=(PHONE,), address="9 rue des Goélands", city="Brest",
    accounts=(Account("mastodon", ACCOUNT, "squemeneur"),), preferred_channel="sms",
    consents=(Consent("email", "service", "granted", datetime(2026, 1, 1, tzinfo=UTC)),),
    attributes={"objections": "social_care", "note": "Solène Quémeneur"},
)  # fmt: skip
HIMSELF = author(
    ACCOUNT, handle="squemeneur", name="Solène Quémeneur", bio="Solène de Brest", links=(f"mailto:{EMAIL}",)
)
TEXT = f"Commande {ORDER} perdue, écrivez à {EMAIL}. Solène Quémeneur"


@pytest.fixture
def known(session: Session) -> Session:
    """A customer with everything that can be held of one, and another customer with his own."""
    import_customers(session, BRAND, [HE, customer("C2", "Paul", "Riou", emails=("paul@example.org",))], NOW)
    import_orders(session, BRAND, [order(ORDER, HIS_ID), order("HR9990001111", "C2")])
    talk = Interaction("I1", HIS_ID, "phone", "in", NOW, "Solène Quémeneur", f"rappeler {PHONE}", "ok", "Anna", None)
    import_interactions(session, BRAND, [talk, Interaction("I2", "C2", "phone", "in", NOW)])
    store_events(
        session,
        BRAND.id,
        [
            heard("1", "Bonjour, rien reçu. Solène", author=HIMSELF),
            replace(
                heard("1", TEXT, author=HIMSELF, edited_at=minute(1), url="https://m.example/@squemeneur/1"),
                raw={"content": TEXT, "account": {"display_name": "Solène Quémeneur"}},
            ),
            heard("2", f"@squemeneur et votre numéro {ORDER} ?", reply_to="1", author=author("a2", name="Paul Riou")),
        ],
        NOW,
        keep_raw=True,
    )
    read_and_route(session)
    case = session.scalars(select(CaseRow).where(CaseRow.customer_key.is_not(None))).one()
    give_messages(session, case)
    quiet = {"customer_key": case.customer_key, "start": "12:00", "end": "14:00", "weekdays": [5]}
    session.add(QuietTimeRow(brand_id=BRAND.id, at=NOW, **quiet))
    his = session.scalars(select(PostRow).filter_by(native_id="1")).one()
    correct(session, his.id, his.version, {"intent": "billing"}, "anna@example.org", NOW, 0.5)
    return session


def read_and_route(session: Session) -> None:
    found = {"1": (entity("order", ORDER), entity("email", EMAIL)), "2": ()}
    for post in session.scalars(select(PostRow).where(PostRow.stage == "heard")):
        save_reading(session, post, reading("delivery", *found[post.native_id]), True, NOW)
        save_quotes(session, post, quoted_hashes(keyring(session), found[post.native_id]))
        post.stage = "read"
    session.flush()
    route_batch(session, BRAND, App(ACTING).intake_rules(), 100, NOW)


def give_messages(session: Session, case: CaseRow) -> None:
    for number, step in enumerate(("first", "second")):
        wanted = messages.Reservation(
            key=f"{case.id}:service:{step}", case_id=case.id, customer_key=case.customer_key, channel="email",
            address=EMAIL, template="delivery", language="fr", subject=f"Votre commande {ORDER}",
            body="Bonjour Solène", send_after=NOW, extra={"values": {"first_name": "Solène"}},
        )  # fmt: skip
        row = messages.reserve(session, BRAND.id, wanted, NOW)
        assert row is not None
        if number == 0:
            row.state, row.handed_over_at, row.reason = "handed_over", NOW, f"<{EMAIL}> 250 ok"
            raw = {"to": EMAIL, "name": "Solène"}
            session.add(
                ReceiptRow(brand_id=BRAND.id, message_key=row.id, provider="smtp", provider_event_id="e", state="delivered", at=NOW, raw=raw)
            )  # fmt: skip
    ticket = DeskTicketRow(brand_id=BRAND.id, case_id=case.id, desk="zendesk", remote_id="7", created_at=NOW)
    session.add(ticket)
    call = CallbackRow(
        brand_id=BRAND.id, case_id=case.id, message_key=row.id, starts_at=NOW, ends_at=NOW + timedelta(hours=1)
    )
    call.script, call.outcome = "Bonjour Solène", f"joindre Solène au {PHONE}"
    session.add(call)
    survey = SurveyRow(brand_id=BRAND.id, case_id=case.id, kind="csat", asked_at=NOW, score=2, answered_at=NOW)
    survey.comment = "Merci, Solène"
    session.add(survey)
    own = {"brand_id": BRAND.id, "case_id": case.id}
    session.add(ResolutionRow(**own, outcome="explained", detail="Chez la voisine de Solène", by="anna", at=NOW))
    session.add(RuptureRow(**own, customer_key=case.customer_key, kind="asked_again", at=NOW, found_at=NOW))
    session.add(CaseOutcomeRow(**own, resolved_at=NOW, until=NOW, at=NOW))
    cases.add_event(session, case, "note", NOW, "anna@example.org")
    session.flush()
    event = session.scalars(select(CaseEventRow).filter_by(kind="note")).one()
    session.add(NoteRow(brand_id=BRAND.id, case_id=case.id, event_id=event.id, text=f"Solène rappelle du {PHONE}"))
    messages.suppress(session, BRAND.id, "email", EMAIL, "bounced", NOW)
    other = session.scalars(select(PostRow).filter_by(native_id="2")).one()
    match = session.scalars(select(MatchRow).filter_by(post_id=other.id)).one()
    match.candidates = [
        {"customer_id": HIS_ID, "probability": 0.2, "evidence": [{"fact": "name", "weight": 3.0, "detail": "solène quémeneur"}]},
        {"customer_id": "C2", "probability": 0.1, "evidence": []},
    ]  # fmt: skip
    session.flush()


def written(session: Session) -> dict[str, str]:
    """All that stands in every text of every table."""
    session.flush()
    session.expire_all()
    found = {}
    for table in Base.metadata.sorted_tables:
        columns = [
            column
            for column in table.columns
            if isinstance(column.type, String | Text | JSON) or "Json" in repr(column.type)
        ]
        if columns:
            rows = session.execute(select(*columns)).all()
            found[table.name] = "\n".join(f"{value}\n{json.dumps(value, default=str)}" for row in rows for value in row)
    return found


def erase(session: Session) -> dict[str, Any]:
    receipt = erase_customer(session, BRAND.id, HIS_ID, "anna@example.org", NOW + timedelta(hours=1))
    assert receipt is not None
    return receipt


class TestExport:
    def test_it_holds_everything(self, known: Session) -> None:
        held = everything_of(known, BRAND.id, HIS_ID, "anna@example.org", "exported", NOW)
        assert held is not None
        counts = {name: len(rows) for name, rows in held.items() if isinstance(rows, list)}
        told = json.dumps(held, default=str, ensure_ascii=False)
        empty = {name for name, number in counts.items() if not number}
        assert empty == {
            "audit",
            "case_moves",
            "history",
            "links",
            "claims",
            "claim_codes",
            "unlinkable",
            "segments",
            "playbook_runs",
        }
        assert counts["contact_points"] == 3
        assert counts["posts"] == counts["readings"] == 1
        for word in ("Solène Quémeneur", EMAIL, PHONE, ORDER, ACCOUNT, "Merci, Solène", "250 ok"):
            assert word in told

    def test_it_holds_nothing_of_another(self, known: Session) -> None:
        told = json.dumps(everything_of(known, BRAND.id, HIS_ID, "a", "exported", NOW), default=str, ensure_ascii=False)
        assert "HR9990001111" not in told
        assert "paul@example.org" not in told

    def test_posts_of_a_declared_account_belong_to_it_without_a_case(self, known: Session) -> None:
        store_events(known, BRAND.id, [heard("7", "Il fait beau", author=HIMSELF)], NOW)
        held = everything_of(known, BRAND.id, HIS_ID, "a", "exported", NOW)
        assert held is not None
        assert {post["native_id"] for post in held["posts"]} == {"1", "7"}

    def test_each_look_is_audited(self, known: Session) -> None:
        everything_of(known, BRAND.id, HIS_ID, "anna@example.org", "shown", NOW)
        held = everything_of(known, BRAND.id, HIS_ID, "anna@example.org", "exported", NOW)
        assert held is not None
        assert [line["action"] for line in held["audit"]] == ["customer shown"]

    def test_of_nobody_there_is_nothing(self, session: Session) -> None:
        assert everything_of(session, BRAND.id, "nobody", "a", "shown", NOW) is None
        assert session.scalar(select(func.count(AuditRow.id))) == 0


class TestErasure:
    def test_the_sample_holds_the_person_in_many_tables(self, known: Session) -> None:
        tables = written(known)
        holding = {name for name, text in tables.items() if any(word.lower() in text.lower() for word in HIS_WORDS)}
        assert holding >= {
            "authors", "posts", "post_versions", "readings", "customers", "contact_points", "identities", "orders",
            "interactions", "matches", "messages", "notes", "receipts", "surveys",
        }  # fmt: skip

    def test_it_leaves_nothing_of_the_person_in_any_table(self, known: Session) -> None:
        erase(known)
        for name, text in written(known).items():
            if name == "posts":  # what others say in public to him is theirs
                text = text.replace(f"@squemeneur et votre numéro {ORDER} ?", "")
                text = text.replace(json.dumps(f"@squemeneur et votre numéro {ORDER} ?"), "")
            if name == "post_versions":
                continue
            assert [word for word in HIS_WORDS if word.lower() in text.lower()] == [], name

    def test_the_receipt_counts_and_names_nobody(self, known: Session) -> None:
        receipt = erase(known)
        assert len(receipt["receipt"]) == 16
        assert receipt["at"] == "2026-11-16T10:30:00Z"
        assert (
            receipt["removed"] | {"contact_points": 3, "orders": 1, "posts_emptied": 1, "customers": 1}
            == receipt["removed"]
        )
        assert not [word for word in HIS_WORDS if word in json.dumps(receipt, ensure_ascii=False)]

    def test_the_audit_stays_and_tells_of_it(self, known: Session) -> None:
        everything_of(known, BRAND.id, HIS_ID, "anna@example.org", "shown", NOW)
        receipt = erase(known)
        lines = known.scalars(select(AuditRow).order_by(AuditRow.id)).all()
        assert [line.action for line in lines][-2:] == ["customer shown", "customer erased"]
        assert lines[-1].subject == f"receipt:{receipt['receipt']}"

    def test_cases_and_messages_stay_as_counts(self, known: Session) -> None:
        before = [known.scalar(select(func.count(table.id))) for table in (CaseRow, MessageRow, PostRow, SurveyRow)]
        erase(known)
        assert [
            known.scalar(select(func.count(table.id))) for table in (CaseRow, MessageRow, PostRow, SurveyRow)
        ] == before
        assert sorted(known.scalars(select(MessageRow.state))) == ["cancelled", "handed_over"]
        assert known.scalars(select(SurveyRow.score)).one() == 2

    def test_what_was_his_alone_is_gone_and_the_others_stay(self, known: Session) -> None:
        erase(known)
        assert known.scalars(select(CustomerRow.customer_id)).all() == ["C2"]
        assert known.scalars(select(PostRow.text).where(PostRow.text.is_not(None))).all() == [
            f"@squemeneur et votre numéro {ORDER} ?"
        ]
        match = known.scalars(select(MatchRow)).one()
        assert [candidate["customer_id"] for candidate in match.candidates] == ["C2"]

    def test_a_suppressed_address_stays_suppressed(self, known: Session) -> None:
        erase(known)
        assert messages.suppression(known, BRAND.id, "email", EMAIL) == "bounced"

    def test_hearing_his_old_posts_again_does_not_bring_him_back(self, known: Session) -> None:
        erase(known)
        before = written(known)
        store_events(known, BRAND.id, [heard("1", TEXT, author=HIMSELF, edited_at=minute(1))], NOW)
        assert written(known) == before

    def test_he_may_become_a_customer_again(self, known: Session) -> None:
        erase(known)
        assert import_customers(known, BRAND, [HE], NOW).new == 1
        store_events(known, BRAND.id, [heard("9", TEXT, author=HIMSELF)], NOW)
        store_events(known, BRAND.id, [AuthorChanged("mastodon", HIMSELF)], NOW)
        assert known.scalars(select(PostRow.text).filter_by(native_id="9")).one() == TEXT
        assert known.scalars(select(AuthorRow).filter_by(native_id=ACCOUNT)).one().name == "Solène Quémeneur"

    def test_open_matches_are_decided_again_without_him(self, known: Session) -> None:
        erase(known)
        route_batch(known, BRAND, App(ACTING).intake_rules(), 100, NOW)
        assert known.scalars(select(CaseRow).where(CaseRow.customer_key.is_not(None))).all() == []

    def test_of_nobody_nothing_is_erased(self, session: Session) -> None:
        assert erase_customer(session, BRAND.id, "nobody", "a", NOW) is None

    def test_of_two_brands_only_the_one_forgets(self, known: Session) -> None:
        case = known.scalars(select(CaseRow).where(CaseRow.customer_key.is_not(None))).one()
        cases.add_event(known, case, "note", NOW)
        assert erase_customer(known, "mesange", HIS_ID, "a", NOW) is None
        assert known.scalar(select(func.count(CustomerRow.id))) == 2

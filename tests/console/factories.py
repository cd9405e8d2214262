"""Rows for the console's tests, one function a kind of row. Every call gives a row of its own."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any

from sqlalchemy.orm import Session

from domain.contact import ContactAction
from storage.tables import (
    AuthorRow,
    BrandRow,
    CaseEventRow,
    CasePostRow,
    CaseRow,
    ConsentRow,
    ContactPointRow,
    CustomerRow,
    IdentityRow,
    InteractionRow,
    MatchRow,
    MessageRow,
    ObjectionRow,
    OrderRow,
    PostRow,
    PostVersionRow,
    PreferenceRow,
    ReadingRow,
    UserBrandRow,
    UserRow,
)
from storage.users import hash_password

NOW = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)
PASSWORD = "une longue phrase secrete"
_numbers: Iterator[int] = count(1)


def _next(prefix: str) -> str:
    return f"{prefix}{next(_numbers)}"


def _add(session: Session, row: Any, **changes: Any) -> Any:
    for name, value in changes.items():
        setattr(row, name, value)
    session.add(row)
    session.flush()
    return row


def brand(session: Session, brand_id: str = "hirondelle", name: str = "Hirondelle") -> BrandRow:
    return session.get(BrandRow, brand_id) or _add(session, BrandRow(id=brand_id, name=name, created_at=NOW))


def user(session: Session, email: str, role: str = "agent", *brand_ids: str) -> UserRow:
    row = UserRow(email=email, name=email.split("@")[0].title(), password_hash=_password_hash(), created_at=NOW)
    _add(session, row)
    for brand_id in brand_ids or ("hirondelle",):
        _add(session, UserBrandRow(user_id=row.id, brand_id=brand_id, role=role))
    return row


@cache
def _password_hash() -> str:
    return hash_password(PASSWORD)


def author(session: Session, network: str = "mastodon", brand_id: str = "hirondelle", **changes: Any) -> AuthorRow:
    native = _next("a")
    row = AuthorRow(
        brand_id=brand_id, network=network, native_id=native, handle=f"{native}@tilleul.example", name="Camille Roux"
    )
    return _add(session, row, **changes)


def post(
    session: Session,
    text: str | None = "Mon colis devait arriver lundi, toujours rien @HirondelleAide",
    writer: AuthorRow | None = None,
    brand_id: str = "hirondelle",
    **changes: Any,
) -> PostRow:
    native = _next("p")
    row = PostRow(
        brand_id=brand_id,
        network="mastodon" if writer is None else writer.network,
        native_id=native,
        author_id=None if writer is None else writer.id,
        text=text,
        content_hash=None if text is None else native,
        url=f"https://tilleul.example/{native}",
        lang="fr",
        created_at=NOW - timedelta(hours=5),
        heard_at=NOW - timedelta(hours=4),
        deleted_at=NOW - timedelta(hours=1) if text is None else None,
        thread=native,
        stage="gone" if text is None else "routed",
    )
    return _add(session, row, **changes)


def version(session: Session, of: PostRow, number: int, text: str | None) -> PostVersionRow:
    row = PostVersionRow(
        brand_id=of.brand_id, post_id=of.id, version=number, text=text, edited_at=of.edited_at, heard_at=of.heard_at
    )
    return _add(session, row)


def reading(session: Session, of: PostRow, **changes: Any) -> ReadingRow:
    row = ReadingRow(
        brand_id=of.brand_id,
        post_id=of.id,
        version=of.version,
        content_hash=of.content_hash or "gone",
        language="fr",
        sentiment="negative",
        intent="delivery",
        urgency="normal",
        complaint=0.97,
        about_brand=0.99,
        ironic=0.04,
        escalation=0.02,
        unhappy=True,
        details={
            "intent": {
                "label": "delivery",
                "probabilities": {"delivery": 0.81, "churn_cancel": 0.11, "question": 0.08},
            },
            "sentiment": {"label": "negative", "probabilities": {"negative": 0.93, "neutral": 0.05, "positive": 0.02}},
            "urgency": {"label": "normal", "probabilities": {"high": 0.2, "normal": 0.7, "low": 0.1}},
            "entities": [],
            "abstain": ["urgency"],
        },
        model="embedded-1",
        read_at=of.heard_at + timedelta(minutes=1),
    )
    return _add(session, row, **changes)


def customer(session: Session, brand_id: str = "hirondelle", name: str = "Camille Roux", **changes: Any) -> CustomerRow:
    number = _next("C")
    row = CustomerRow(
        brand_id=brand_id,
        customer_id=number,
        name=name,
        city="Rouen",
        postal_code="76000",
        country="FR",
        language="fr",
        timezone="Europe/Paris",
        segment="particulier",
        row_hash=number,
        changed_at=NOW,
    )
    found: CustomerRow = _add(session, row, **changes)
    own = {"brand_id": brand_id, "customer_key": found.id}
    _add(session, ContactPointRow(**own, kind="email", value=f"camille.{number.lower()}@example.org", position=0))
    _add(session, ContactPointRow(**own, kind="phone", value="+33639987278", position=1))
    _add(session, ConsentRow(**own, channel="email", purpose="service", status="granted", at=NOW - timedelta(days=300)))
    _add(session, ConsentRow(**own, channel="sms", purpose="marketing", status="denied", at=NOW - timedelta(days=300)))
    _add(session, PreferenceRow(**own, channel="email", source="declared", at=NOW - timedelta(days=300)))
    return found


def history(session: Session, of: CustomerRow) -> None:
    """An order, two contacts, an account and an objection of a customer."""
    own = {"brand_id": of.brand_id, "customer_id": of.customer_id}
    number = _next("HR")
    placed = NOW - timedelta(days=9)
    _add(
        session,
        OrderRow(
            **own,
            order_id=number,
            normal_id=number,
            placed_at=placed,
            product="Colis Hirondelle 24 h",
            status="expédié",
            promised_at=NOW - timedelta(days=4),
            row_hash=number,
        ),
    )
    for channel, direction, days, subject in (
        ("phone", "in", 30, "Suivi de colis"),
        ("email", "out", 29, "Votre colis"),
    ):
        key = _next("I")
        told = InteractionRow(
            **own,
            interaction_id=key,
            channel=channel,
            direction=direction,
            at=NOW - timedelta(days=days),
            subject=subject,
            outcome="résolu",
            row_hash=key,
        )
        _add(session, told)
    keyed = {"brand_id": of.brand_id, "customer_key": of.id}
    _add(
        session,
        IdentityRow(
            **keyed,
            network="mastodon",
            account_id=_next("acc"),
            handle="camroux",
            proof="declared",
            how="customer file",
            at=NOW,
        ),
    )
    _add(session, ObjectionRow(**keyed, topic="linking", at=NOW - timedelta(days=10)))


def match(
    session: Session, of: PostRow, *candidates: CustomerRow, linked: CustomerRow | None = None, **changes: Any
) -> MatchRow:
    told = [
        {
            "customer_id": one.customer_id,
            "probability": 0.62 - place / 4,
            "evidence": [
                {"fact": "name", "weight": 11.4, "detail": one.name},
                {"fact": "city", "weight": 4.2, "detail": one.city},
                {"fact": "other_name", "weight": -3.0, "detail": "C. R."},
            ],
        }
        for place, one in enumerate((*candidates, *([linked] if linked else [])))
    ]
    row = MatchRow(
        brand_id=of.brand_id,
        post_id=of.id,
        customer_key=None if linked is None else linked.id,
        grade="suggested" if linked is None else "stated",
        action="review" if linked is None else "link",
        review="waiting" if linked is None else None,
        candidates=told,
        none_probability=0.2,
        gates=["common_name"] if linked is None else [],
        version="match-1",
        decided_at=of.heard_at + timedelta(minutes=2),
    )
    return _add(session, row, **changes)


def case(session: Session, *posts: PostRow, owner: CustomerRow | None = None, **changes: Any) -> CaseRow:
    first = posts[0]
    row = CaseRow(
        brand_id=first.brand_id,
        subject=f"customer:{owner.id}" if owner else f"author:{first.author_id}",
        network=first.network,
        thread=first.thread,
        customer_key=owner.id if owner else None,
        author_id=first.author_id,
        grade="stated" if owner else "suggested",
        intent="delivery",
        severity="high",
        moment="delivery",
        language="fr",
        priority=60,
        priority_reasons=[{"part": "harm", "points": 45, "why": "severity high, 2 posts"}],
        team="logistics",
        opened_at=NOW - timedelta(hours=3),
        last_post_at=first.created_at,
        due_first_answer_at=NOW + timedelta(hours=1),
        due_resolution_at=NOW + timedelta(days=2),
    )
    found: CaseRow = _add(session, row, **changes)
    for one in posts:
        _add(session, CasePostRow(brand_id=one.brand_id, case_id=found.id, post_id=one.id))
    event(session, found, "opened", at=found.opened_at, post=first.id)
    return found


def event(session: Session, of: CaseRow, kind: str, at: datetime = NOW, actor: str = "vigie", **detail: Any) -> None:
    _add(session, CaseEventRow(brand_id=of.brand_id, case_id=of.id, at=at, actor=actor, kind=kind, detail=detail))


def decision(session: Session, of: CaseRow, action: ContactAction = ContactAction.SEND, **changes: Any) -> None:
    """The channel decision of a case, as the routing keeps it."""
    told = {
        "action": action.value,
        "channel": "email",
        "reasons": ["stated preference"],
        "rejected": [{"channel": "sms", "reason": "no_consent"}],
    }
    of.contact_action, of.contact_state, of.contact_decision = action, "planned", {**told, **changes}
    event(session, of, "decided", at=of.opened_at + timedelta(minutes=1), **{**told, "rejected": None})


def message(session: Session, of: CaseRow, state: str = "handed_over", **changes: Any) -> MessageRow:
    name = _next("m")
    begun = None if state in ("reserved", "cancelled") else NOW - timedelta(hours=2)
    row = MessageRow(
        brand_id=of.brand_id,
        message_id=name,
        key=name,
        case_id=of.id,
        customer_key=of.customer_key,
        channel="email",
        via="folder",
        address="camille.roux@example.org",
        template="delivery",
        language="fr",
        subject="Votre colis",
        body="Bonjour Camille,\n\nNous nous occupons de votre colis.",
        state=state,
        decision={},
        attempts=1,
        send_after=NOW - timedelta(hours=2),
        reserved_at=NOW - timedelta(hours=2, minutes=30),
        handing_over_at=begun,
        handed_over_at=begun if state in ("handed_over", "delivered", "read", "replied") else None,
    )
    return _add(session, row, **changes)

"""proof: what people say of links, second looks drawn by lot, what each grade may do, learned weights"""

import sqlalchemy as sa
from alembic import op

from storage.triggers import append_only
from storage.types import Json, UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
APPEND_ONLY = ("link_events", "grade_states", "match_weights")
TABLES = ("match_weights", "grade_states", "review_votes", "match_audits", "link_events")
GRADES = "grade IN ('authenticated', 'declared', 'stated', 'suggested', 'none')"


def upgrade() -> None:
    _events()
    _audits()
    _votes()
    _states()
    _table(
        "match_weights",
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("weights", Json, nullable=False),
        sa.Column("learned_from", Json, nullable=False),
        sa.Column("promoted", sa.Boolean(), nullable=False),
        sa.Column("why", sa.String(200), nullable=False),
    )
    op.create_index("ix_matches_decided", "matches", ["brand_id", "decided_at"])
    for table in APPEND_ONLY:
        append_only(op.get_bind(), table)


def _events() -> None:
    kinds = "'linked', 'confirmed', 'refused', 'authenticated', 'not_me', 'audit_right', 'audit_wrong', 'undone'"
    _table(
        "link_events",
        sa.Column("post_id", KEY),
        sa.Column("author_id", KEY),
        sa.Column("customer_key", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("is_customer", sa.Boolean()),
        sa.Column("by", sa.String(320), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("why", sa.String(80), nullable=False),
        sa.Column("undoes", KEY),
        sa.Column("detail", Json, nullable=False),
        sa.CheckConstraint(f"kind IN ({kinds})", name=op.f("ck_link_events_kind_known")),
        sa.CheckConstraint("(kind = 'undone') = (undoes IS NOT NULL)", name=op.f("ck_link_events_undone_names_event")),
        sa.CheckConstraint("(kind = 'undone') = (is_customer IS NULL)", name=op.f("ck_link_events_word_says_which")),
        _of("link_events", "post_id", "posts"),
        _of("link_events", "author_id", "authors"),
        _of("link_events", "undoes", "link_events"),
        sa.UniqueConstraint("undoes", name=op.f("uq_link_events_undoes")),
    )
    op.create_index("ix_link_events_post_id", "link_events", ["post_id"])
    op.create_index("ix_link_events_pair", "link_events", ["brand_id", "author_id", "customer_key"])
    op.create_index("ix_link_events_customer", "link_events", ["brand_id", "customer_key"])
    op.create_index("ix_link_events_at", "link_events", ["brand_id", "at"])


def _audits() -> None:
    _table(
        "match_audits",
        sa.Column("post_id", KEY, nullable=False),
        sa.Column("customer_key", sa.BigInteger()),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("grade", sa.String(20), nullable=False),
        sa.Column("version", sa.String(80), nullable=False),
        sa.Column("rate", sa.Double(), nullable=False),
        sa.Column("sampled_at", UtcDateTime(), nullable=False),
        sa.Column("verdict", sa.String(10)),
        sa.Column("by", sa.String(320)),
        sa.Column("at", UtcDateTime()),
        sa.CheckConstraint("kind IN ('link', 'refusal')", name=op.f("ck_match_audits_kind_known")),
        sa.CheckConstraint(GRADES, name=op.f("ck_match_audits_grade_known")),
        sa.CheckConstraint("verdict IN ('right', 'wrong', 'unsure')", name=op.f("ck_match_audits_verdict_known")),
        sa.CheckConstraint("(verdict IS NULL) = (at IS NULL)", name=op.f("ck_match_audits_verdict_is_dated")),
        sa.CheckConstraint("rate > 0 AND rate <= 1", name=op.f("ck_match_audits_rate_is_share")),
        _of("match_audits", "post_id", "posts"),
        sa.UniqueConstraint("post_id", "customer_key", name=op.f("uq_match_audits_post_id_customer_key")),
    )
    op.create_index("ix_match_audits_grade", "match_audits", ["brand_id", "grade", "verdict"])


def _votes() -> None:
    _table(
        "review_votes",
        sa.Column("post_id", KEY, nullable=False),
        sa.Column("customer_key", KEY, nullable=False),
        sa.Column("answer", sa.String(10), nullable=False),
        sa.Column("by", sa.String(320), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("answer IN ('yes', 'no')", name=op.f("ck_review_votes_answer_known")),
        _of("review_votes", "post_id", "posts"),
        _of("review_votes", "customer_key", "customers"),
        sa.UniqueConstraint("post_id", "customer_key", "by", name=op.f("uq_review_votes_post_id_customer_key_by")),
    )
    op.create_index("ix_review_votes_customer_key", "review_votes", ["customer_key"])


def _states() -> None:
    _table(
        "grade_states",
        sa.Column("grade", sa.String(20), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("by", sa.String(320), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("why", sa.String(500), nullable=False),
        sa.Column("restart", sa.Boolean(), nullable=False),
        sa.Column("event_id", KEY),
        sa.CheckConstraint(GRADES, name=op.f("ck_grade_states_grade_known")),
        sa.CheckConstraint("state IN ('shadow', 'acting', 'suspended')", name=op.f("ck_grade_states_state_known")),
        _of("grade_states", "event_id", "link_events"),
    )
    op.create_index("ix_grade_states_grade", "grade_states", ["brand_id", "grade"])


def _table(name: str, *columns: sa.schema.SchemaItem) -> None:
    """A table of rows that belong to a brand."""
    op.create_table(
        name,
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("brand_id", sa.String(64), nullable=False),
        *columns,
        _of(name, "brand_id", "brands"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
    )
    op.create_index(f"ix_{name}_brand_id", name, ["brand_id"])


def _of(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}"))


def downgrade() -> None:
    op.drop_index("ix_matches_decided", "matches")
    for table in TABLES:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for table in APPEND_ONLY:
            op.execute(f"DROP FUNCTION IF EXISTS {table}_append_only()")

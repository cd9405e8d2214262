"""the customer record: its history, its sources, records that are one person"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from storage.types import Json, UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLES = (
    "quality_reports",
    "duplicate_proposals",
    "customer_source_members",
    "customer_sources",
    "customer_links",
    "customer_history",
)


def upgrade() -> None:
    _table(
        "customer_history",
        sa.Column("customer_key", KEY, nullable=False),
        sa.Column("field", sa.String(20), nullable=False),
        sa.Column("value", sa.Text()),
        sa.Column("since", UtcDateTime()),
        sa.Column("until", UtcDateTime(), nullable=False),
        _customer("customer_history", "customer_key"),
    )
    op.create_index("ix_customer_history_customer", "customer_history", ["customer_key", "until"])
    _links()
    _sources()
    _table(
        "duplicate_proposals",
        sa.Column("first", KEY, nullable=False),
        sa.Column("second", KEY, nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("reasons", Json, nullable=False),
        sa.Column("maker", sa.String(40), nullable=False),
        sa.Column("proposed_at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("by", sa.String(320)),
        sa.Column("at", UtcDateTime()),
        sa.CheckConstraint("first < second", name=op.f("ck_duplicate_proposals_pair_is_ordered")),
        sa.CheckConstraint("score BETWEEN 0 AND 1", name=op.f("ck_duplicate_proposals_score_is_share")),
        sa.CheckConstraint(
            "state IN ('waiting', 'merged', 'different')", name=op.f("ck_duplicate_proposals_state_known")
        ),
        _customer("duplicate_proposals", "first"),
        _customer("duplicate_proposals", "second"),
        sa.UniqueConstraint("first", "second", name=op.f("uq_duplicate_proposals_first_second")),
    )
    op.create_index("ix_duplicate_proposals_state", "duplicate_proposals", ["brand_id", "state", "score"])
    op.create_index("ix_duplicate_proposals_second", "duplicate_proposals", ["second"])
    _table(
        "quality_reports",
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("report", Json, nullable=False),
    )
    op.create_index("ix_quality_reports_at", "quality_reports", ["brand_id", "at"])


def _links() -> None:
    _table(
        "customer_links",
        sa.Column("kept", KEY, nullable=False),
        sa.Column("merged", KEY, nullable=False),
        sa.Column("by", sa.String(320), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("undone_by", sa.String(320)),
        sa.Column("undone_at", UtcDateTime()),
        sa.CheckConstraint("kept <> merged", name=op.f("ck_customer_links_two_records")),
        sa.CheckConstraint(
            "(undone_at IS NULL) = (undone_by IS NULL)", name=op.f("ck_customer_links_undone_by_somebody")
        ),
        _customer("customer_links", "kept"),
        _customer("customer_links", "merged"),
    )
    op.create_index("ix_customer_links_merged", "customer_links", ["brand_id", "merged", "undone_at"])
    op.create_index("ix_customer_links_kept", "customer_links", ["brand_id", "kept", "undone_at"])


def _sources() -> None:
    _table(
        "customer_sources",
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("cursor", Json, nullable=False),
        sa.Column("pass_number", sa.Integer(), nullable=False),
        sa.Column("moved_at", UtcDateTime()),
        sa.Column("whole_at", UtcDateTime()),
        sa.Column("waiting", sa.Integer()),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("paused", sa.Text()),
        sa.Column("retry_at", UtcDateTime()),
        sa.UniqueConstraint("brand_id", "name", name=op.f("uq_customer_sources_brand_id_name")),
    )
    members = "customer_source_members"
    op.create_table(
        members,
        sa.Column("source_id", KEY, nullable=False),
        sa.Column("customer_key", KEY, nullable=False),
        sa.Column("pass_number", sa.Integer(), nullable=False),
        sa.Column("gone_at", UtcDateTime()),
        sa.ForeignKeyConstraint(["source_id"], ["customer_sources.id"], name=op.f(f"fk_{members}_source_id")),
        _customer(members, "customer_key"),
        sa.PrimaryKeyConstraint("source_id", "customer_key", name=op.f(f"pk_{members}")),
    )
    op.create_index(f"ix_{members}_customer_key", members, ["customer_key"])
    op.create_index(f"ix_{members}_pass", members, ["source_id", "pass_number"])


def _table(name: str, *parts: sa.Column[Any] | sa.Constraint) -> None:
    op.create_table(
        name,
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("brand_id", sa.String(64), nullable=False),
        *parts,
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f(f"fk_{name}_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
    )
    op.create_index(f"ix_{name}_brand_id", name, ["brand_id"])


def _customer(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["customers.id"], name=op.f(f"fk_{table}_{column}"))


def downgrade() -> None:
    for name in TABLES:
        op.drop_table(name)

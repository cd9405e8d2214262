"""claims: links by which people say who they are, codes that prove it, accounts that are not to be linked"""

import sqlalchemy as sa
from alembic import op

from storage.types import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "claims",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("brand_id", sa.String(64), nullable=False),
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("author_id", KEY, nullable=False),
        sa.Column("network", sa.String(40), nullable=False),
        sa.Column("delivery", sa.String(10), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("salt", sa.String(64), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("issued_at", UtcDateTime(), nullable=False),
        sa.Column("issued_by", sa.String(320), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state IN ('issued', 'agreed', 'refused', 'conflict', 'withdrawn')", name=op.f("ck_claims_state_known")
        ),
        sa.CheckConstraint("delivery IN ('public', 'direct')", name=op.f("ck_claims_delivery_known")),
        sa.CheckConstraint(
            "(state IN ('agreed', 'refused', 'conflict')) = (used_at IS NOT NULL)", name=op.f("ck_claims_used_is_dated")
        ),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_claims_brand_id")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_claims_case_id")),
        sa.ForeignKeyConstraint(["author_id"], ["authors.id"], name=op.f("fk_claims_author_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_claims_token_hash")),
    )
    for column in ("brand_id", "case_id", "author_id"):
        op.create_index(f"ix_claims_{column}", "claims", [column])
    op.create_table(
        "claim_codes",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("brand_id", sa.String(64), nullable=False),
        sa.Column("claim_id", KEY, nullable=False),
        sa.Column("visitor", sa.String(64), nullable=False),
        sa.Column("salt", sa.String(64), nullable=False),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("customer_key", KEY, nullable=True),
        sa.Column("channel", sa.String(40), nullable=True),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("confirmed_at", UtcDateTime(), nullable=True),
        sa.Column("agreed_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("tries BETWEEN 0 AND 5", name=op.f("ck_claim_codes_tries_range")),
        sa.CheckConstraint(
            "confirmed_at IS NULL OR customer_key IS NOT NULL", name=op.f("ck_claim_codes_confirmed_names_customer")
        ),
        sa.CheckConstraint(
            "agreed_at IS NULL OR confirmed_at IS NOT NULL", name=op.f("ck_claim_codes_agreed_is_confirmed")
        ),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_claim_codes_brand_id")),
        sa.ForeignKeyConstraint(["claim_id"], ["claims.id"], name=op.f("fk_claim_codes_claim_id")),
        sa.ForeignKeyConstraint(["customer_key"], ["customers.id"], name=op.f("fk_claim_codes_customer_key")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim_codes")),
    )
    op.create_index("ix_claim_codes_brand_id", "claim_codes", ["brand_id"])
    op.create_index("ix_claim_codes_visitor", "claim_codes", ["claim_id", "visitor"])
    op.create_index("ix_claim_codes_customer", "claim_codes", ["customer_key", "asked_at"])
    op.create_table(
        "unlinkable",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("brand_id", sa.String(64), nullable=False),
        sa.Column("network", sa.String(40), nullable=False),
        sa.Column("account_hash", sa.String(64), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("why", sa.String(80), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_unlinkable_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unlinkable")),
        sa.UniqueConstraint("brand_id", "network", "account_hash", name=op.f("uq_unlinkable_brand_id_network_account_hash")),
    )
    op.create_index("ix_unlinkable_brand_id", "unlinkable", ["brand_id"])
    op.create_table(
        "throttles",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", "since", name=op.f("pk_throttles")),
    )
    op.create_index("ix_throttles_since", "throttles", ["since"])
    with op.batch_alter_table("preferences") as preferences:
        preferences.add_column(sa.Column("how", sa.String(40), nullable=False, server_default="customer file"))
        preferences.drop_constraint("uq_preferences_customer_key_source", type_="unique")
        preferences.create_unique_constraint(
            op.f("uq_preferences_customer_key_source_how"), ["customer_key", "source", "how"]
        )
    with op.batch_alter_table("preferences") as preferences:
        preferences.alter_column("how", server_default=None)


def downgrade() -> None:
    op.execute("DELETE FROM preferences WHERE how <> 'customer file'")
    with op.batch_alter_table("preferences") as preferences:
        preferences.drop_constraint("uq_preferences_customer_key_source_how", type_="unique")
        preferences.create_unique_constraint(op.f("uq_preferences_customer_key_source"), ["customer_key", "source"])
        preferences.drop_column("how")
    for table in ("throttles", "unlinkable", "claim_codes", "claims"):
        op.drop_table(table)

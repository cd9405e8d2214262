"""corrections: what people say of readings, and what they are asked"""

import sqlalchemy as sa
from alembic import op

from storage.triggers import append_only
from storage.types import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ASKED = ("about_brand", "complaint", "intent", "sentiment")  # in this order in `doubts`
ABSTAINED = {
    "sqlite": "EXISTS (SELECT 1 FROM json_each(details, '$.abstain') WHERE value = '{head}')",
    "postgresql": "jsonb_exists(details -> 'abstain', '{head}')",
}


def upgrade() -> None:
    with op.batch_alter_table("readings") as readings:
        readings.add_column(sa.Column("doubts", sa.String(80), nullable=False, server_default=""))
        readings.alter_column("model", existing_type=sa.String(80), type_=sa.Text(), existing_nullable=False)
    op.create_index("ix_readings_doubts", "readings", ["brand_id", "doubts"])
    _ask_what_was_left_open()
    op.create_table(
        "corrections",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("brand_id", sa.String(64), nullable=False),
        sa.Column("post_id", KEY, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("head", sa.String(20), nullable=False),
        sa.Column("label", sa.String(40), nullable=False),
        sa.Column("by", sa.String(320), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "head IN ('language', 'sentiment', 'intent', 'urgency', 'complaint', 'about_brand', 'ironic', 'escalation')",
            name=op.f("ck_corrections_head_known"),
        ),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_corrections_brand_id")),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_corrections_post_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_corrections")),
    )
    op.create_index("ix_corrections_brand_id", "corrections", ["brand_id"])
    op.create_index("ix_corrections_post", "corrections", ["post_id", "version"])
    op.create_index("ix_corrections_at", "corrections", ["brand_id", "at"])
    append_only(op.get_bind(), "corrections")


def _ask_what_was_left_open() -> None:
    condition = ABSTAINED[op.get_bind().dialect.name]
    for head in ASKED:
        joined = f"CASE WHEN doubts = '' THEN '{head}' ELSE doubts || ',{head}' END"
        op.execute(f"UPDATE readings SET doubts = {joined} WHERE {condition.format(head=head)}")


def downgrade() -> None:
    op.drop_table("corrections")
    op.drop_index("ix_readings_doubts", "readings")
    with op.batch_alter_table("readings") as readings:
        readings.drop_column("doubts")
        readings.alter_column("model", existing_type=sa.Text(), type_=sa.String(80), existing_nullable=False)

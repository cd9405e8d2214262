"""listening: what networks told, what listeners spent and missed, near copies"""

import sqlalchemy as sa
from alembic import op

from storage.types import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("posts", sa.Column("copy_group", sa.String(64), nullable=True))
    op.add_column("posts", sa.Column("listener", sa.String(80), nullable=True))
    op.add_column("posts", sa.Column("verified_at", UtcDateTime(), nullable=True))
    op.create_index("ix_posts_copy_group", "posts", ["brand_id", "copy_group"])
    op.create_index("ix_posts_verified", "posts", ["brand_id", "listener", "verified_at"])
    op.create_table(
        "raw_posts",
        sa.Column("post_id", KEY, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_raw_posts_post_id_posts")),
        sa.PrimaryKeyConstraint("post_id", name=op.f("pk_raw_posts")),
    )
    op.create_table(
        "copy_bands",
        sa.Column("post_id", KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("band", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_copy_bands_post_id_posts")),
        sa.PrimaryKeyConstraint("post_id", "number", name=op.f("pk_copy_bands")),
    )
    op.create_index("ix_copy_bands_band", "copy_bands", ["band"])
    op.create_table(
        "gaps",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("brand_id", sa.String(64), nullable=False),
        sa.Column("network", sa.String(40), nullable=False),
        sa.Column("listener", sa.String(80), nullable=False),
        sa.Column("query", sa.String(600), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_gaps_brand_id_brands")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gaps")),
        sa.UniqueConstraint(
            "brand_id", "listener", "query", "since", "until", name=op.f("uq_gaps_brand_id_listener_query_since_until")
        ),
    )
    op.create_index("ix_gaps_brand_id", "gaps", ["brand_id"])
    op.create_table(
        "spending",
        sa.Column("account", sa.String(200), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("posts", sa.Integer(), nullable=False),
        sa.Column("cost", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("account", "day", name=op.f("pk_spending")),
    )


def downgrade() -> None:
    for table in ("spending", "gaps", "copy_bands", "raw_posts"):
        op.drop_table(table)
    op.drop_index("ix_posts_verified", "posts")
    op.drop_index("ix_posts_copy_group", "posts")
    op.drop_column("posts", "verified_at")
    op.drop_column("posts", "listener")
    op.drop_column("posts", "copy_group")

"""match keys: which version of the blocking keys a brand has, older ones are made anew; numbers of parcels and tickets"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NORMAL = "upper(replace(replace(replace(case_ref, ' ', ''), '-', ''), '#', ''))"


def upgrade() -> None:
    op.add_column("brands", sa.Column("keys_version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("orders", sa.Column("parcel", sa.String(200)))
    op.add_column("orders", sa.Column("normal_parcel", sa.String(200)))
    op.create_index("ix_orders_parcel", "orders", ["brand_id", "normal_parcel"])
    op.add_column("interactions", sa.Column("normal_ticket", sa.String(200)))
    op.create_index("ix_interactions_ticket", "interactions", ["brand_id", "normal_ticket"])
    op.execute(f"UPDATE interactions SET normal_ticket = {NORMAL} WHERE length({NORMAL}) >= 6")  # noqa: S608


def downgrade() -> None:
    op.drop_index("ix_interactions_ticket", "interactions")
    op.drop_column("interactions", "normal_ticket")
    op.drop_index("ix_orders_parcel", "orders")
    op.drop_column("orders", "normal_parcel")
    op.drop_column("orders", "parcel")
    op.drop_column("brands", "keys_version")

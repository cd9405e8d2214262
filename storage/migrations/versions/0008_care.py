"""care: teams, deadlines, playbooks, segments, ruptures, outside desks, call-backs, switches, what a case was resolved by"""

import sqlalchemy as sa
from alembic import op

from storage.types import Json, UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "absences",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("person", sa.String(length=320), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.CheckConstraint("first_day <= last_day", name=op.f("ck_absences_days_in_order")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_absences")),
    )
    with op.batch_alter_table("absences", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_absences_person"), ["person"], unique=False)

    op.create_table(
        "appetence",
        sa.Column("subject", sa.String(length=120), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("tried", sa.Double(), nullable=False),
        sa.Column("answered", sa.Double(), nullable=False),
        sa.Column("solved", sa.Double(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("brand_id", sa.String(length=64), nullable=False),
        sa.CheckConstraint("tried >= 0 AND answered >= 0 AND solved >= 0", name=op.f("ck_appetence_counts_positive")),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_appetence_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appetence")),
        sa.UniqueConstraint("brand_id", "subject", "channel", name=op.f("uq_appetence_brand_id_subject_channel")),
    )
    with op.batch_alter_table("appetence", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_appetence_brand_id"), ["brand_id"], unique=False)

    op.create_table(
        "switches",
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=320), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("brand_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_switches_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_switches")),
        sa.UniqueConstraint("brand_id", "channel", name=op.f("uq_switches_brand_id_channel")),
    )
    with op.batch_alter_table("switches", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_switches_brand_id"), ["brand_id"], unique=False)

    op.create_table(
        "customer_segments",
        sa.Column("customer_key", BigId, nullable=False),
        sa.Column("segment", sa.String(length=80), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("brand_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_customer_segments_brand_id")),
        sa.ForeignKeyConstraint(["customer_key"], ["customers.id"], name=op.f("fk_customer_segments_customer_key")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_segments")),
        sa.UniqueConstraint("customer_key", "segment", name=op.f("uq_customer_segments_customer_key_segment")),
    )
    with op.batch_alter_table("customer_segments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_customer_segments_brand_id"), ["brand_id"], unique=False)
        batch_op.create_index("ix_customer_segments_segment", ["brand_id", "segment"], unique=False)

    op.create_table(
        "case_moves",
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("source", BigId, nullable=False),
        sa.Column("target", BigId, nullable=False),
        sa.Column("posts", Json, nullable=False),
        sa.Column("before", Json, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=320), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("undone_by", sa.String(length=320)),
        sa.Column("undone_at", UtcDateTime()),
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("brand_id", sa.String(length=64), nullable=False),
        sa.CheckConstraint("kind IN ('merge', 'split')", name=op.f("ck_case_moves_kind_known")),
        sa.CheckConstraint("(undone_at IS NULL) = (undone_by IS NULL)", name=op.f("ck_case_moves_undone_by_somebody")),
        sa.CheckConstraint("source <> target", name=op.f("ck_case_moves_two_cases")),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_case_moves_brand_id")),
        sa.ForeignKeyConstraint(["source"], ["cases.id"], name=op.f("fk_case_moves_source")),
        sa.ForeignKeyConstraint(["target"], ["cases.id"], name=op.f("fk_case_moves_target")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_moves")),
    )
    with op.batch_alter_table("case_moves", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_case_moves_brand_id"), ["brand_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_case_moves_source"), ["source"], unique=False)
        batch_op.create_index(batch_op.f("ix_case_moves_target"), ["target"], unique=False)

    op.create_table(
        "case_outcomes",
        sa.Column("case_id", BigId, nullable=False),
        sa.Column("resolved_at", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.Column("posts", sa.Integer(), nullable=False),
        sa.Column("negative", sa.Integer(), nullable=False),
        sa.Column("positive", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("brand_id", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "verdict IN ('watching', 'corrected', 'unhappy', 'silent')", name=op.f("ck_case_outcomes_verdict_known")
        ),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_case_outcomes_brand_id")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_outcomes_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_outcomes")),
        sa.UniqueConstraint("case_id", name=op.f("uq_case_outcomes_case_id")),
    )
    with op.batch_alter_table("case_outcomes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_case_outcomes_brand_id"), ["brand_id"], unique=False)
        batch_op.create_index("ix_case_outcomes_time", ["brand_id", "resolved_at"], unique=False)

    op.create_table(
        "desk_tickets",
        sa.Column("case_id", BigId, nullable=False),
        sa.Column("desk", sa.String(length=40), nullable=False),
        sa.Column("remote_id", sa.String(length=200)),
        sa.Column("url", sa.Text()),
        sa.Column("remote_state", sa.String(length=40)),
        sa.Column("pushed_revision", sa.Integer(), nullable=False),
        sa.Column("pushed_at", UtcDateTime()),
        sa.Column("pulled_at", UtcDateTime()),
        sa.Column("retry_at", UtcDateTime()),
        sa.Column("problem", sa.Text()),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("brand_id", sa.String(length=64), nullable=False),
        sa.Column("lease_owner", sa.String(length=200)),
        sa.Column("lease_until", UtcDateTime()),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_desk_tickets_brand_id")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_desk_tickets_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_desk_tickets")),
        sa.UniqueConstraint("brand_id", "desk", "remote_id", name=op.f("uq_desk_tickets_brand_id_desk_remote_id")),
        sa.UniqueConstraint("case_id", "desk", name=op.f("uq_desk_tickets_case_id_desk")),
    )
    with op.batch_alter_table("desk_tickets", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_desk_tickets_brand_id"), ["brand_id"], unique=False)

    op.create_table(
        "notices",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("case_id", BigId, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("team", sa.String(length=80)),
        sa.Column("person", sa.String(length=320)),
        sa.Column("detail", Json, nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("send_after", UtcDateTime(), nullable=False),
        sa.Column("sent_at", UtcDateTime()),
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("brand_id", sa.String(length=64), nullable=False),
        sa.Column("lease_owner", sa.String(length=200)),
        sa.Column("lease_until", UtcDateTime()),
        sa.CheckConstraint(
            "state IN ('waiting', 'sending', 'sent', 'failed', 'unconfirmed')", name=op.f("ck_notices_state_known")
        ),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_notices_brand_id")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_notices_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("brand_id", "key", name=op.f("uq_notices_brand_id_key")),
    )
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notices_brand_id"), ["brand_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_notices_case_id"), ["case_id"], unique=False)
        batch_op.create_index("ix_notices_work", ["state", "send_after"], unique=False)

    op.create_table(
        "playbook_runs",
        sa.Column("case_id", BigId, nullable=False),
        sa.Column("playbook", sa.String(length=80), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("occasion", sa.String(length=120), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("actions", Json, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("brand_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_playbook_runs_brand_id")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_playbook_runs_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_playbook_runs")),
        sa.UniqueConstraint(
            "case_id",
            "playbook",
            "occasion",
            "dry_run",
            name=op.f("uq_playbook_runs_case_id_playbook_occasion_dry_run"),
        ),
    )
    with op.batch_alter_table("playbook_runs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_playbook_runs_brand_id"), ["brand_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_playbook_runs_case_id"), ["case_id"], unique=False)

    op.create_table(
        "resolutions",
        sa.Column("case_id", BigId, nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("amount_cents", sa.Integer()),
        sa.Column("currency", sa.String(length=3)),
        sa.Column("due_on", sa.Date()),
        sa.Column("detail", sa.Text()),
        sa.Column("by", sa.String(length=320), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("brand_id", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('refunded', 'replaced', 'repaired', 'delivered', 'corrected', 'explained', 'apologised', 'declined', 'other')",
            name=op.f("ck_resolutions_outcome_known"),
        ),
        sa.CheckConstraint(
            "(amount_cents IS NULL) = (currency IS NULL)", name=op.f("ck_resolutions_amount_has_currency")
        ),
        sa.CheckConstraint("amount_cents >= 0", name=op.f("ck_resolutions_amount_positive")),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_resolutions_brand_id")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_resolutions_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resolutions")),
    )
    with op.batch_alter_table("resolutions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_resolutions_brand_id"), ["brand_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_resolutions_case_id"), ["case_id"], unique=False)

    op.create_table(
        "ruptures",
        sa.Column("customer_key", BigId, nullable=False),
        sa.Column("case_id", BigId),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("found_at", UtcDateTime(), nullable=False),
        sa.Column("detail", Json, nullable=False),
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("brand_id", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "kind IN ('channel_switched', 'asked_again', 'passed_on', 'contradicted', 'promise_broken')",
            name=op.f("ck_ruptures_kind_known"),
        ),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_ruptures_brand_id")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_ruptures_case_id")),
        sa.ForeignKeyConstraint(["customer_key"], ["customers.id"], name=op.f("fk_ruptures_customer_key")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ruptures")),
        sa.UniqueConstraint(
            "brand_id", "customer_key", "kind", "at", name=op.f("uq_ruptures_brand_id_customer_key_kind_at")
        ),
    )
    with op.batch_alter_table("ruptures", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ruptures_brand_id"), ["brand_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_ruptures_case_id"), ["case_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_ruptures_customer_key"), ["customer_key"], unique=False)
        batch_op.create_index("ix_ruptures_time", ["brand_id", "at"], unique=False)

    op.create_table(
        "callbacks",
        sa.Column("case_id", BigId, nullable=False),
        sa.Column("message_key", BigId),
        sa.Column("starts_at", UtcDateTime(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.Column("script", sa.Text()),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("assignee", sa.String(length=320)),
        sa.Column("outcome", sa.Text()),
        sa.Column("done_at", UtcDateTime()),
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("brand_id", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "state IN ('open', 'taken', 'reached', 'missed', 'cancelled')", name=op.f("ck_callbacks_state_known")
        ),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_callbacks_slot_has_length")),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_callbacks_brand_id")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_callbacks_case_id")),
        sa.ForeignKeyConstraint(["message_key"], ["messages.id"], name=op.f("fk_callbacks_message_key")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callbacks")),
        sa.UniqueConstraint("message_key", name=op.f("uq_callbacks_message_key")),
    )
    with op.batch_alter_table("callbacks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_callbacks_brand_id"), ["brand_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_callbacks_case_id"), ["case_id"], unique=False)
        batch_op.create_index("ix_callbacks_open", ["brand_id", "state", "starts_at"], unique=False)

    op.create_table(
        "desk_comments",
        sa.Column("ticket_key", BigId, nullable=False),
        sa.Column("event_id", BigId),
        sa.Column("remote_id", sa.String(length=200)),
        sa.Column("direction", sa.String(length=3), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("brand_id", sa.String(length=64), nullable=False),
        sa.CheckConstraint("direction IN ('in', 'out')", name=op.f("ck_desk_comments_direction_known")),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_desk_comments_brand_id")),
        sa.ForeignKeyConstraint(["event_id"], ["case_events.id"], name=op.f("fk_desk_comments_event_id")),
        sa.ForeignKeyConstraint(["ticket_key"], ["desk_tickets.id"], name=op.f("fk_desk_comments_ticket_key")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_desk_comments")),
        sa.UniqueConstraint("ticket_key", "event_id", name=op.f("uq_desk_comments_ticket_key_event_id")),
        sa.UniqueConstraint("ticket_key", "remote_id", name=op.f("uq_desk_comments_ticket_key_remote_id")),
    )
    with op.batch_alter_table("desk_comments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_desk_comments_brand_id"), ["brand_id"], unique=False)

    op.create_table(
        "quiet_times",
        sa.Column("customer_key", BigId, nullable=False),
        sa.Column("start", sa.String(length=5), nullable=False),
        sa.Column("end", sa.String(length=5), nullable=False),
        sa.Column("weekdays", Json, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("brand_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_quiet_times_brand_id")),
        sa.ForeignKeyConstraint(["customer_key"], ["customers.id"], name=op.f("fk_quiet_times_customer_key")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quiet_times")),
        sa.UniqueConstraint("customer_key", name=op.f("uq_quiet_times_customer_key")),
    )
    with op.batch_alter_table("quiet_times", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_quiet_times_brand_id"), ["brand_id"], unique=False)

    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.add_column(sa.Column("state_since", UtcDateTime()))
        batch_op.add_column(sa.Column("reopened", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("assigned_by", sa.String(length=320)))
        batch_op.add_column(sa.Column("escalation", sa.Integer(), server_default="0", nullable=False))
        batch_op.create_index("ix_cases_assignee", ["brand_id", "assignee", "state"], unique=False)

    with op.batch_alter_table("case_posts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("pinned", sa.Boolean(), server_default=sa.false(), nullable=False))

    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("paired_with", sa.String(64)))
        batch_op.add_column(sa.Column("fallback_of", sa.String(64)))
        batch_op.add_column(sa.Column("reply_to", sa.String(length=600)))
        batch_op.add_column(sa.Column("expires_at", UtcDateTime()))
        batch_op.add_column(sa.Column("extra", Json, server_default="{}", nullable=False))
        batch_op.create_index(batch_op.f("ix_messages_provider_id"), ["provider_id"], unique=False)

    with op.batch_alter_table("receipts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("provider_id", sa.String(length=300)))
        batch_op.create_index(batch_op.f("ix_receipts_provider_id"), ["provider_id"], unique=False)

    with op.batch_alter_table("objections") as batch_op:
        batch_op.drop_constraint(op.f("ck_objections_topic_known"), type_="check")
        batch_op.create_check_constraint(
            op.f("ck_objections_topic_known"), "topic IN ('all', 'social_care', 'linking', 'profiling')"
        )


def downgrade() -> None:
    op.drop_index("ix_receipts_provider_id", "receipts")
    op.drop_column("receipts", "provider_id")
    op.drop_index("ix_messages_provider_id", "messages")
    for column in ("extra", "expires_at", "reply_to", "fallback_of", "paired_with"):
        op.drop_column("messages", column)
    op.drop_column("case_posts", "pinned")
    op.drop_index("ix_cases_assignee", "cases")
    for column in ("escalation", "assigned_by", "reopened", "state_since"):
        op.drop_column("cases", column)
    for table in (
        "quiet_times",
        "desk_comments",
        "callbacks",
        "ruptures",
        "resolutions",
        "playbook_runs",
        "notices",
        "desk_tickets",
        "case_outcomes",
        "case_moves",
        "customer_segments",
        "switches",
        "appetence",
        "absences",
    ):
        op.drop_table(table)
    op.execute("DELETE FROM objections WHERE topic = 'profiling'")
    with op.batch_alter_table("objections") as batch_op:
        batch_op.drop_constraint(op.f("ck_objections_topic_known"), type_="check")
        batch_op.create_check_constraint(
            op.f("ck_objections_topic_known"), "topic IN ('all', 'social_care', 'linking')"
        )

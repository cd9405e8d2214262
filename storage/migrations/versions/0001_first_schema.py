"""the first schema"""

import sqlalchemy as sa
from alembic import op

from storage.triggers import append_only
from storage.types import Json, UtcDateTime
revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('brands',
    sa.Column('id', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=True),
    sa.Column('crm_version', sa.Integer(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_brands'))
    )
    op.create_table('secrets',
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('value', sa.String(length=200), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_secrets'))
    )
    op.create_table('users',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('email', sa.String(length=320), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('password_hash', sa.String(length=300), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('disabled_at', UtcDateTime(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_users')),
    sa.UniqueConstraint('email', name=op.f('uq_users_email'))
    )
    op.create_table('work_leases',
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('owner', sa.String(length=200), nullable=False),
    sa.Column('until', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_work_leases'))
    )
    op.create_table('audit',
    sa.Column('at', UtcDateTime(), nullable=False),
    sa.Column('actor', sa.String(length=200), nullable=False),
    sa.Column('action', sa.String(length=80), nullable=False),
    sa.Column('subject', sa.String(length=200), nullable=False),
    sa.Column('detail', Json, nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_audit_brand_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit'))
    )
    with op.batch_alter_table('audit', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_audit_brand_id'), ['brand_id'], unique=False)
        batch_op.create_index('ix_audit_subject', ['brand_id', 'subject'], unique=False)

    op.create_table('authors',
    sa.Column('network', sa.String(length=40), nullable=False),
    sa.Column('native_id', sa.String(length=300), nullable=False),
    sa.Column('handle', sa.String(length=300), nullable=True),
    sa.Column('name', sa.Text(), nullable=True),
    sa.Column('bio', sa.Text(), nullable=True),
    sa.Column('location', sa.Text(), nullable=True),
    sa.Column('links', Json, nullable=False),
    sa.Column('followers', sa.BigInteger(), nullable=True),
    sa.Column('created_at', UtcDateTime(), nullable=True),
    sa.Column('gone_at', UtcDateTime(), nullable=True),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_authors_brand_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_authors')),
    sa.UniqueConstraint('brand_id', 'network', 'native_id', name=op.f('uq_authors_brand_id_network_native_id'))
    )
    with op.batch_alter_table('authors', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_authors_brand_id'), ['brand_id'], unique=False)

    op.create_table('cursors',
    sa.Column('listener', sa.String(length=80), nullable=False),
    sa.Column('query', sa.String(length=600), nullable=False),
    sa.Column('cursor', Json, nullable=False),
    sa.Column('moved_at', UtcDateTime(), nullable=False),
    sa.Column('retry_at', UtcDateTime(), nullable=True),
    sa.Column('paused', sa.Text(), nullable=True),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_cursors_brand_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_cursors')),
    sa.UniqueConstraint('brand_id', 'listener', 'query', name=op.f('uq_cursors_brand_id_listener_query'))
    )
    with op.batch_alter_table('cursors', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_cursors_brand_id'), ['brand_id'], unique=False)

    op.create_table('customers',
    sa.Column('customer_id', sa.String(length=200), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('first_name', sa.Text(), nullable=True),
    sa.Column('last_name', sa.Text(), nullable=True),
    sa.Column('address', sa.Text(), nullable=True),
    sa.Column('city', sa.Text(), nullable=True),
    sa.Column('postal_code', sa.String(length=40), nullable=True),
    sa.Column('country', sa.String(length=2), nullable=True),
    sa.Column('language', sa.String(length=20), nullable=True),
    sa.Column('timezone', sa.String(length=64), nullable=True),
    sa.Column('segment', sa.String(length=200), nullable=True),
    sa.Column('value', sa.Double(), nullable=True),
    sa.Column('birth_year', sa.Integer(), nullable=True),
    sa.Column('status', sa.String(length=20), nullable=False),
    sa.Column('attributes', Json, nullable=False),
    sa.Column('row_hash', sa.String(length=64), nullable=False),
    sa.Column('changed_at', UtcDateTime(), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.CheckConstraint("status IN ('active', 'deceased', 'minor', 'legal_hold')", name=op.f('ck_customers_status_known')),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_customers_brand_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_customers')),
    sa.UniqueConstraint('brand_id', 'customer_id', name=op.f('uq_customers_brand_id_customer_id'))
    )
    with op.batch_alter_table('customers', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_customers_brand_id'), ['brand_id'], unique=False)

    op.create_table('interactions',
    sa.Column('interaction_id', sa.String(length=200), nullable=False),
    sa.Column('customer_id', sa.String(length=200), nullable=False),
    sa.Column('channel', sa.String(length=40), nullable=False),
    sa.Column('direction', sa.String(length=3), nullable=False),
    sa.Column('at', UtcDateTime(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=True),
    sa.Column('text', sa.Text(), nullable=True),
    sa.Column('outcome', sa.Text(), nullable=True),
    sa.Column('agent', sa.String(length=200), nullable=True),
    sa.Column('case_ref', sa.String(length=200), nullable=True),
    sa.Column('row_hash', sa.String(length=64), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.CheckConstraint("direction IN ('in', 'out')", name=op.f('ck_interactions_direction_known')),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_interactions_brand_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_interactions')),
    sa.UniqueConstraint('brand_id', 'interaction_id', name=op.f('uq_interactions_brand_id_interaction_id'))
    )
    with op.batch_alter_table('interactions', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_interactions_brand_id'), ['brand_id'], unique=False)
        batch_op.create_index('ix_interactions_customer', ['brand_id', 'customer_id', 'at'], unique=False)

    op.create_table('orders',
    sa.Column('order_id', sa.String(length=200), nullable=False),
    sa.Column('normal_id', sa.String(length=200), nullable=False),
    sa.Column('customer_id', sa.String(length=200), nullable=False),
    sa.Column('placed_at', UtcDateTime(), nullable=False),
    sa.Column('product', sa.Text(), nullable=True),
    sa.Column('status', sa.String(length=100), nullable=True),
    sa.Column('promised_at', UtcDateTime(), nullable=True),
    sa.Column('delivered_at', UtcDateTime(), nullable=True),
    sa.Column('store', sa.Text(), nullable=True),
    sa.Column('row_hash', sa.String(length=64), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_orders_brand_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_orders')),
    sa.UniqueConstraint('brand_id', 'order_id', name=op.f('uq_orders_brand_id_order_id'))
    )
    with op.batch_alter_table('orders', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_orders_brand_id'), ['brand_id'], unique=False)
        batch_op.create_index('ix_orders_customer', ['brand_id', 'customer_id'], unique=False)
        batch_op.create_index('ix_orders_normal', ['brand_id', 'normal_id'], unique=False)

    op.create_table('quarantine',
    sa.Column('network', sa.String(length=40), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('raw', sa.Text(), nullable=False),
    sa.Column('raw_hash', sa.String(length=64), nullable=False),
    sa.Column('at', UtcDateTime(), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_quarantine_brand_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_quarantine')),
    sa.UniqueConstraint('brand_id', 'network', 'raw_hash', name=op.f('uq_quarantine_brand_id_network_raw_hash'))
    )
    with op.batch_alter_table('quarantine', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_quarantine_brand_id'), ['brand_id'], unique=False)

    op.create_table('sessions',
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('user_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('csrf', sa.String(length=64), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('seen_at', UtcDateTime(), nullable=False),
    sa.Column('ended_at', UtcDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_sessions_user_id')),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_sessions'))
    )
    with op.batch_alter_table('sessions', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_sessions_user_id'), ['user_id'], unique=False)

    op.create_table('suppressions',
    sa.Column('channel', sa.String(length=40), nullable=False),
    sa.Column('address_hash', sa.String(length=64), nullable=False),
    sa.Column('reason', sa.String(length=80), nullable=False),
    sa.Column('at', UtcDateTime(), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_suppressions_brand_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_suppressions')),
    sa.UniqueConstraint('brand_id', 'channel', 'address_hash', name=op.f('uq_suppressions_brand_id_channel_address_hash'))
    )
    with op.batch_alter_table('suppressions', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_suppressions_brand_id'), ['brand_id'], unique=False)

    op.create_table('user_brands',
    sa.Column('user_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.Column('role', sa.String(length=20), nullable=False),
    sa.CheckConstraint("role IN ('admin', 'agent', 'analyst')", name=op.f('ck_user_brands_role_known')),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_user_brands_brand_id')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_user_brands_user_id')),
    sa.PrimaryKeyConstraint('user_id', 'brand_id', name=op.f('pk_user_brands'))
    )
    op.create_table('cases',
    sa.Column('subject', sa.String(length=60), nullable=False),
    sa.Column('network', sa.String(length=40), nullable=False),
    sa.Column('thread', sa.String(length=600), nullable=False),
    sa.Column('customer_key', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('author_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('state', sa.String(length=20), nullable=False),
    sa.Column('merged_into', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('grade', sa.String(length=20), nullable=False),
    sa.Column('intent', sa.String(length=40), nullable=False),
    sa.Column('severity', sa.String(length=10), nullable=False),
    sa.Column('moment', sa.String(length=20), nullable=False),
    sa.Column('language', sa.String(length=20), nullable=False),
    sa.Column('priority', sa.Integer(), nullable=False),
    sa.Column('priority_reasons', Json, nullable=False),
    sa.Column('team', sa.String(length=80), nullable=False),
    sa.Column('assignee', sa.String(length=200), nullable=True),
    sa.Column('requested_channel', sa.String(length=40), nullable=True),
    sa.Column('addressed_brand', sa.Boolean(), nullable=False),
    sa.Column('opened_at', UtcDateTime(), nullable=False),
    sa.Column('last_post_at', UtcDateTime(), nullable=False),
    sa.Column('due_first_answer_at', UtcDateTime(), nullable=True),
    sa.Column('due_resolution_at', UtcDateTime(), nullable=True),
    sa.Column('first_answer_at', UtcDateTime(), nullable=True),
    sa.Column('resolved_at', UtcDateTime(), nullable=True),
    sa.Column('snoozed_until', UtcDateTime(), nullable=True),
    sa.Column('contact_state', sa.String(length=10), nullable=False),
    sa.Column('contact_action', sa.String(length=20), nullable=True),
    sa.Column('contact_at', UtcDateTime(), nullable=True),
    sa.Column('contact_decision', Json, nullable=True),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.Column('lease_owner', sa.String(length=200), nullable=True),
    sa.Column('lease_until', UtcDateTime(), nullable=True),
    sa.CheckConstraint("(contact_state = 'held') = (contact_at IS NOT NULL)", name=op.f('ck_cases_held_has_time')),
    sa.CheckConstraint("(customer_key IS NULL) = (subject NOT LIKE 'customer:%')", name=op.f('ck_cases_subject_is_customer')),
    sa.CheckConstraint("(state = 'merged') = (merged_into IS NOT NULL)", name=op.f('ck_cases_merged_names_case')),
    sa.CheckConstraint("contact_action IN ('send', 'reply_in_place', 'ask_person', 'hold', 'never')", name=op.f('ck_cases_contact_action_known')),
    sa.CheckConstraint("contact_state IN ('pending', 'held', 'planned', 'person', 'in_place', 'never')", name=op.f('ck_cases_contact_state_known')),
    sa.CheckConstraint("grade IN ('authenticated', 'declared', 'stated', 'suggested', 'none')", name=op.f('ck_cases_grade_known')),
    sa.CheckConstraint("severity IN ('high', 'normal', 'low')", name=op.f('ck_cases_severity_known')),
    sa.CheckConstraint("state IN ('new', 'open', 'waiting_customer', 'waiting_us', 'snoozed', 'resolved', 'closed', 'reopened', 'merged')", name=op.f('ck_cases_state_known')),
    sa.CheckConstraint('priority BETWEEN 0 AND 100', name=op.f('ck_cases_priority_range')),
    sa.ForeignKeyConstraint(['author_id'], ['authors.id'], name=op.f('fk_cases_author_id')),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_cases_brand_id')),
    sa.ForeignKeyConstraint(['customer_key'], ['customers.id'], name=op.f('fk_cases_customer_key')),
    sa.ForeignKeyConstraint(['merged_into'], ['cases.id'], name=op.f('fk_cases_merged_into')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_cases')),
    sa.UniqueConstraint('brand_id', 'subject', 'network', 'thread', name=op.f('uq_cases_brand_id_subject_network_thread'))
    )
    with op.batch_alter_table('cases', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_cases_author_id'), ['author_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_cases_brand_id'), ['brand_id'], unique=False)
        batch_op.create_index('ix_cases_contact', ['contact_state', 'contact_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_cases_customer_key'), ['customer_key'], unique=False)
        batch_op.create_index('ix_cases_queue', ['brand_id', 'state', 'priority'], unique=False)

    op.create_table('consents',
    sa.Column('customer_key', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('channel', sa.String(length=40), nullable=False),
    sa.Column('purpose', sa.String(length=20), nullable=False),
    sa.Column('status', sa.String(length=20), nullable=False),
    sa.Column('at', UtcDateTime(), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.CheckConstraint("purpose IN ('service', 'marketing')", name=op.f('ck_consents_purpose_known')),
    sa.CheckConstraint("status IN ('granted', 'denied', 'revoked')", name=op.f('ck_consents_status_known')),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_consents_brand_id')),
    sa.ForeignKeyConstraint(['customer_key'], ['customers.id'], name=op.f('fk_consents_customer_key')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consents')),
    sa.UniqueConstraint('customer_key', 'channel', 'purpose', 'status', 'at', name=op.f('uq_consents_customer_key_channel_purpose_status_at'))
    )
    with op.batch_alter_table('consents', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_consents_brand_id'), ['brand_id'], unique=False)

    op.create_table('contact_points',
    sa.Column('customer_key', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('value', sa.String(length=500), nullable=False),
    sa.Column('verified', sa.Boolean(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('since', UtcDateTime(), nullable=True),
    sa.Column('until', UtcDateTime(), nullable=True),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.CheckConstraint("kind IN ('email', 'phone', 'address')", name=op.f('ck_contact_points_kind_known')),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_contact_points_brand_id')),
    sa.ForeignKeyConstraint(['customer_key'], ['customers.id'], name=op.f('fk_contact_points_customer_key')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contact_points')),
    sa.UniqueConstraint('customer_key', 'kind', 'value', name=op.f('uq_contact_points_customer_key_kind_value'))
    )
    with op.batch_alter_table('contact_points', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_contact_points_brand_id'), ['brand_id'], unique=False)
        batch_op.create_index('ix_contact_points_value', ['brand_id', 'kind', 'value'], unique=False)

    op.create_table('customer_keys',
    sa.Column('customer_key', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('hash', sa.String(length=32), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_customer_keys_brand_id')),
    sa.ForeignKeyConstraint(['customer_key'], ['customers.id'], name=op.f('fk_customer_keys_customer_key')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_customer_keys')),
    sa.UniqueConstraint('customer_key', 'kind', 'hash', name=op.f('uq_customer_keys_customer_key_kind_hash'))
    )
    with op.batch_alter_table('customer_keys', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_customer_keys_brand_id'), ['brand_id'], unique=False)
        batch_op.create_index('ix_customer_keys_lookup', ['brand_id', 'kind', 'hash'], unique=False)

    op.create_table('identities',
    sa.Column('customer_key', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('network', sa.String(length=40), nullable=False),
    sa.Column('account_id', sa.String(length=300), nullable=False),
    sa.Column('handle', sa.String(length=300), nullable=True),
    sa.Column('proof', sa.String(length=20), nullable=False),
    sa.Column('how', sa.String(length=200), nullable=False),
    sa.Column('at', UtcDateTime(), nullable=False),
    sa.Column('expires_at', UtcDateTime(), nullable=True),
    sa.Column('revoked_at', UtcDateTime(), nullable=True),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.CheckConstraint("proof IN ('authenticated', 'declared')", name=op.f('ck_identities_proof_known')),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_identities_brand_id')),
    sa.ForeignKeyConstraint(['customer_key'], ['customers.id'], name=op.f('fk_identities_customer_key')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_identities')),
    sa.UniqueConstraint('brand_id', 'network', 'account_id', 'customer_key', name=op.f('uq_identities_brand_id_network_account_id_customer_key'))
    )
    with op.batch_alter_table('identities', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_identities_brand_id'), ['brand_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_identities_customer_key'), ['customer_key'], unique=False)

    op.create_table('objections',
    sa.Column('customer_key', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('topic', sa.String(length=20), nullable=False),
    sa.Column('at', UtcDateTime(), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.CheckConstraint("topic IN ('all', 'social_care', 'linking')", name=op.f('ck_objections_topic_known')),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_objections_brand_id')),
    sa.ForeignKeyConstraint(['customer_key'], ['customers.id'], name=op.f('fk_objections_customer_key')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_objections')),
    sa.UniqueConstraint('customer_key', 'topic', name=op.f('uq_objections_customer_key_topic'))
    )
    with op.batch_alter_table('objections', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_objections_brand_id'), ['brand_id'], unique=False)

    op.create_table('posts',
    sa.Column('network', sa.String(length=40), nullable=False),
    sa.Column('native_id', sa.String(length=500), nullable=False),
    sa.Column('author_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('text', sa.Text(), nullable=True),
    sa.Column('content_hash', sa.String(length=64), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('url', sa.Text(), nullable=True),
    sa.Column('lang', sa.String(length=40), nullable=True),
    sa.Column('created_at', UtcDateTime(), nullable=True),
    sa.Column('edited_at', UtcDateTime(), nullable=True),
    sa.Column('deleted_at', UtcDateTime(), nullable=True),
    sa.Column('heard_at', UtcDateTime(), nullable=False),
    sa.Column('reply_to', sa.String(length=500), nullable=True),
    sa.Column('conversation', sa.String(length=500), nullable=True),
    sa.Column('thread', sa.String(length=500), nullable=False),
    sa.Column('repost_of', sa.String(length=500), nullable=True),
    sa.Column('is_repost', sa.Boolean(), nullable=False),
    sa.Column('likes', sa.BigInteger(), nullable=True),
    sa.Column('reposts', sa.BigInteger(), nullable=True),
    sa.Column('replies', sa.BigInteger(), nullable=True),
    sa.Column('attributes', Json, nullable=False),
    sa.Column('stage', sa.String(length=10), nullable=False),
    sa.Column('crm_version', sa.Integer(), nullable=False),
    sa.Column('failed', sa.Text(), nullable=True),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.Column('lease_owner', sa.String(length=200), nullable=True),
    sa.Column('lease_until', UtcDateTime(), nullable=True),
    sa.CheckConstraint("(deleted_at IS NULL) = (stage <> 'gone')", name=op.f('ck_posts_deleted_is_gone')),
    sa.CheckConstraint("stage IN ('heard', 'read', 'routed', 'gone')", name=op.f('ck_posts_stage_known')),
    sa.CheckConstraint('(deleted_at IS NULL) = (text IS NOT NULL)', name=op.f('ck_posts_deleted_has_no_text')),
    sa.CheckConstraint('version >= 1', name=op.f('ck_posts_version_positive')),
    sa.ForeignKeyConstraint(['author_id'], ['authors.id'], name=op.f('fk_posts_author_id')),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_posts_brand_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_posts')),
    sa.UniqueConstraint('brand_id', 'network', 'native_id', name=op.f('uq_posts_brand_id_network_native_id'))
    )
    with op.batch_alter_table('posts', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_posts_author_id'), ['author_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_posts_brand_id'), ['brand_id'], unique=False)
        batch_op.create_index('ix_posts_content', ['brand_id', 'content_hash'], unique=False)
        batch_op.create_index('ix_posts_created', ['brand_id', 'created_at'], unique=False)
        batch_op.create_index('ix_posts_repost_of', ['brand_id', 'network', 'repost_of'], unique=False)
        batch_op.create_index('ix_posts_stage_lease', ['stage', 'lease_until'], unique=False)
        batch_op.create_index('ix_posts_thread', ['brand_id', 'network', 'thread'], unique=False)

    op.create_table('preferences',
    sa.Column('customer_key', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('channel', sa.String(length=40), nullable=False),
    sa.Column('source', sa.String(length=20), nullable=False),
    sa.Column('at', UtcDateTime(), nullable=True),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.CheckConstraint("source IN ('declared', 'observed', 'inferred')", name=op.f('ck_preferences_source_known')),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_preferences_brand_id')),
    sa.ForeignKeyConstraint(['customer_key'], ['customers.id'], name=op.f('fk_preferences_customer_key')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_preferences')),
    sa.UniqueConstraint('customer_key', 'source', name=op.f('uq_preferences_customer_key_source'))
    )
    with op.batch_alter_table('preferences', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_preferences_brand_id'), ['brand_id'], unique=False)

    op.create_table('case_events',
    sa.Column('case_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('at', UtcDateTime(), nullable=False),
    sa.Column('actor', sa.String(length=200), nullable=False),
    sa.Column('kind', sa.String(length=40), nullable=False),
    sa.Column('detail', Json, nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_case_events_brand_id')),
    sa.ForeignKeyConstraint(['case_id'], ['cases.id'], name=op.f('fk_case_events_case_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_case_events'))
    )
    with op.batch_alter_table('case_events', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_case_events_brand_id'), ['brand_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_case_events_case_id'), ['case_id'], unique=False)

    op.create_table('case_posts',
    sa.Column('case_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('post_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('role', sa.String(length=12), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.CheckConstraint("role IN ('complaint', 'follow_up', 'copy')", name=op.f('ck_case_posts_role_known')),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_case_posts_brand_id')),
    sa.ForeignKeyConstraint(['case_id'], ['cases.id'], name=op.f('fk_case_posts_case_id')),
    sa.ForeignKeyConstraint(['post_id'], ['posts.id'], name=op.f('fk_case_posts_post_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_case_posts')),
    sa.UniqueConstraint('post_id', name=op.f('uq_case_posts_post_id'))
    )
    with op.batch_alter_table('case_posts', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_case_posts_brand_id'), ['brand_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_case_posts_case_id'), ['case_id'], unique=False)

    op.create_table('matches',
    sa.Column('post_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('customer_key', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('grade', sa.String(length=20), nullable=False),
    sa.Column('action', sa.String(length=10), nullable=False),
    sa.Column('review', sa.String(length=10), nullable=True),
    sa.Column('candidates', Json, nullable=False),
    sa.Column('none_probability', sa.Double(), nullable=False),
    sa.Column('gates', Json, nullable=False),
    sa.Column('version', sa.String(length=80), nullable=False),
    sa.Column('decided_at', UtcDateTime(), nullable=False),
    sa.Column('decided_by', sa.String(length=200), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.CheckConstraint("(action = 'link') = (customer_key IS NOT NULL)", name=op.f('ck_matches_link_names_customer')),
    sa.CheckConstraint("action <> 'link' OR grade <> 'none'", name=op.f('ck_matches_link_has_proof')),
    sa.CheckConstraint("action IN ('link', 'review', 'none')", name=op.f('ck_matches_action_known')),
    sa.CheckConstraint("grade IN ('authenticated', 'declared', 'stated', 'suggested', 'none')", name=op.f('ck_matches_grade_known')),
    sa.CheckConstraint("review IN ('waiting', 'confirmed', 'refused', 'unsure')", name=op.f('ck_matches_review_known')),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_matches_brand_id')),
    sa.ForeignKeyConstraint(['customer_key'], ['customers.id'], name=op.f('fk_matches_customer_key')),
    sa.ForeignKeyConstraint(['post_id'], ['posts.id'], name=op.f('fk_matches_post_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_matches')),
    sa.UniqueConstraint('post_id', name=op.f('uq_matches_post_id'))
    )
    with op.batch_alter_table('matches', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_matches_brand_id'), ['brand_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_matches_customer_key'), ['customer_key'], unique=False)
        batch_op.create_index('ix_matches_review', ['brand_id', 'review'], unique=False)

    op.create_table('messages',
    sa.Column('message_id', sa.String(length=64), nullable=False),
    sa.Column('key', sa.String(length=200), nullable=False),
    sa.Column('case_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('customer_key', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('channel', sa.String(length=40), nullable=False),
    sa.Column('via', sa.String(length=40), nullable=True),
    sa.Column('address', sa.String(length=500), nullable=True),
    sa.Column('purpose', sa.String(length=20), nullable=False),
    sa.Column('proactive', sa.Boolean(), nullable=False),
    sa.Column('template', sa.String(length=120), nullable=False),
    sa.Column('language', sa.String(length=20), nullable=False),
    sa.Column('subject', sa.Text(), nullable=True),
    sa.Column('body', sa.Text(), nullable=True),
    sa.Column('state', sa.String(length=20), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('decision', Json, nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('send_after', UtcDateTime(), nullable=False),
    sa.Column('reserved_at', UtcDateTime(), nullable=False),
    sa.Column('handing_over_at', UtcDateTime(), nullable=True),
    sa.Column('handed_over_at', UtcDateTime(), nullable=True),
    sa.Column('provider_id', sa.String(length=300), nullable=True),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.Column('lease_owner', sa.String(length=200), nullable=True),
    sa.Column('lease_until', UtcDateTime(), nullable=True),
    sa.CheckConstraint("purpose IN ('service', 'marketing')", name=op.f('ck_messages_purpose_known')),
    sa.CheckConstraint("state <> 'handed_over' OR handed_over_at IS NOT NULL", name=op.f('ck_messages_handed_over_is_dated')),
    sa.CheckConstraint("state <> 'handing_over' OR handing_over_at IS NOT NULL", name=op.f('ck_messages_handing_over_is_dated')),
    sa.CheckConstraint("state IN ('reserved', 'handing_over', 'handed_over', 'delivered', 'read', 'replied', 'unconfirmed', 'failed', 'cancelled')", name=op.f('ck_messages_state_known')),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_messages_brand_id')),
    sa.ForeignKeyConstraint(['case_id'], ['cases.id'], name=op.f('fk_messages_case_id')),
    sa.ForeignKeyConstraint(['customer_key'], ['customers.id'], name=op.f('fk_messages_customer_key')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_messages')),
    sa.UniqueConstraint('brand_id', 'key', name=op.f('uq_messages_brand_id_key')),
    sa.UniqueConstraint('message_id', name=op.f('uq_messages_message_id'))
    )
    with op.batch_alter_table('messages', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_messages_brand_id'), ['brand_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_messages_case_id'), ['case_id'], unique=False)
        batch_op.create_index('ix_messages_customer', ['brand_id', 'customer_key', 'reserved_at'], unique=False)
        batch_op.create_index('ix_messages_work', ['state', 'send_after'], unique=False)

    op.create_table('post_versions',
    sa.Column('post_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('text', sa.Text(), nullable=True),
    sa.Column('content_hash', sa.String(length=64), nullable=True),
    sa.Column('edited_at', UtcDateTime(), nullable=True),
    sa.Column('heard_at', UtcDateTime(), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_post_versions_brand_id')),
    sa.ForeignKeyConstraint(['post_id'], ['posts.id'], name=op.f('fk_post_versions_post_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_post_versions')),
    sa.UniqueConstraint('post_id', 'version', name=op.f('uq_post_versions_post_id_version'))
    )
    with op.batch_alter_table('post_versions', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_post_versions_brand_id'), ['brand_id'], unique=False)

    op.create_table('quotes',
    sa.Column('post_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('author_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('hash', sa.String(length=32), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['author_id'], ['authors.id'], name=op.f('fk_quotes_author_id')),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_quotes_brand_id')),
    sa.ForeignKeyConstraint(['post_id'], ['posts.id'], name=op.f('fk_quotes_post_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_quotes')),
    sa.UniqueConstraint('post_id', 'kind', 'hash', name=op.f('uq_quotes_post_id_kind_hash'))
    )
    with op.batch_alter_table('quotes', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_quotes_author_id'), ['author_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_quotes_brand_id'), ['brand_id'], unique=False)
        batch_op.create_index('ix_quotes_lookup', ['brand_id', 'kind', 'hash'], unique=False)

    op.create_table('readings',
    sa.Column('post_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('content_hash', sa.String(length=64), nullable=False),
    sa.Column('language', sa.String(length=20), nullable=False),
    sa.Column('sentiment', sa.String(length=10), nullable=False),
    sa.Column('intent', sa.String(length=40), nullable=False),
    sa.Column('second_intent', sa.String(length=40), nullable=True),
    sa.Column('urgency', sa.String(length=10), nullable=False),
    sa.Column('complaint', sa.Double(), nullable=False),
    sa.Column('about_brand', sa.Double(), nullable=False),
    sa.Column('ironic', sa.Double(), nullable=False),
    sa.Column('escalation', sa.Double(), nullable=False),
    sa.Column('unhappy', sa.Boolean(), nullable=False),
    sa.Column('details', Json, nullable=False),
    sa.Column('model', sa.String(length=80), nullable=False),
    sa.Column('read_at', UtcDateTime(), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.CheckConstraint("sentiment IN ('negative', 'neutral', 'positive')", name=op.f('ck_readings_sentiment_known')),
    sa.CheckConstraint("urgency IN ('high', 'normal', 'low')", name=op.f('ck_readings_urgency_known')),
    sa.CheckConstraint('about_brand BETWEEN 0 AND 1', name=op.f('ck_readings_about_brand_is_probability')),
    sa.CheckConstraint('complaint BETWEEN 0 AND 1', name=op.f('ck_readings_complaint_is_probability')),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_readings_brand_id')),
    sa.ForeignKeyConstraint(['post_id'], ['posts.id'], name=op.f('fk_readings_post_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_readings')),
    sa.UniqueConstraint('post_id', 'version', name=op.f('uq_readings_post_id_version'))
    )
    with op.batch_alter_table('readings', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_readings_brand_id'), ['brand_id'], unique=False)
        batch_op.create_index('ix_readings_content', ['brand_id', 'content_hash', 'model'], unique=False)

    op.create_table('notes',
    sa.Column('event_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('case_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_notes_brand_id')),
    sa.ForeignKeyConstraint(['case_id'], ['cases.id'], name=op.f('fk_notes_case_id')),
    sa.ForeignKeyConstraint(['event_id'], ['case_events.id'], name=op.f('fk_notes_event_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notes')),
    sa.UniqueConstraint('event_id', name=op.f('uq_notes_event_id'))
    )
    with op.batch_alter_table('notes', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_notes_brand_id'), ['brand_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_notes_case_id'), ['case_id'], unique=False)

    op.create_table('receipts',
    sa.Column('message_key', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('provider', sa.String(length=40), nullable=False),
    sa.Column('provider_event_id', sa.String(length=300), nullable=False),
    sa.Column('state', sa.String(length=20), nullable=False),
    sa.Column('at', UtcDateTime(), nullable=False),
    sa.Column('raw', Json, nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.CheckConstraint("state IN ('reserved', 'handing_over', 'handed_over', 'delivered', 'read', 'replied', 'unconfirmed', 'failed', 'cancelled')", name=op.f('ck_receipts_state_known')),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_receipts_brand_id')),
    sa.ForeignKeyConstraint(['message_key'], ['messages.id'], name=op.f('fk_receipts_message_key')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_receipts')),
    sa.UniqueConstraint('provider', 'provider_event_id', name=op.f('uq_receipts_provider_provider_event_id'))
    )
    with op.batch_alter_table('receipts', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_receipts_brand_id'), ['brand_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_receipts_message_key'), ['message_key'], unique=False)

    op.create_table('surveys',
    sa.Column('case_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('message_key', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('score', sa.Integer(), nullable=True),
    sa.Column('comment', sa.Text(), nullable=True),
    sa.Column('asked_at', UtcDateTime(), nullable=False),
    sa.Column('answered_at', UtcDateTime(), nullable=True),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('brand_id', sa.String(length=64), nullable=False),
    sa.CheckConstraint("kind IN ('csat', 'nps', 'effort')", name=op.f('ck_surveys_kind_known')),
    sa.CheckConstraint('(score IS NULL) = (answered_at IS NULL)', name=op.f('ck_surveys_answered_has_score')),
    sa.ForeignKeyConstraint(['brand_id'], ['brands.id'], name=op.f('fk_surveys_brand_id')),
    sa.ForeignKeyConstraint(['case_id'], ['cases.id'], name=op.f('fk_surveys_case_id')),
    sa.ForeignKeyConstraint(['message_key'], ['messages.id'], name=op.f('fk_surveys_message_key')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_surveys'))
    )
    with op.batch_alter_table('surveys', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_surveys_brand_id'), ['brand_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_surveys_case_id'), ['case_id'], unique=False)

    append_only(op.get_bind(), "audit")
    append_only(op.get_bind(), "case_events")


def downgrade() -> None:
    with op.batch_alter_table('surveys', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_surveys_case_id'))
        batch_op.drop_index(batch_op.f('ix_surveys_brand_id'))

    op.drop_table('surveys')
    with op.batch_alter_table('receipts', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_receipts_message_key'))
        batch_op.drop_index(batch_op.f('ix_receipts_brand_id'))

    op.drop_table('receipts')
    with op.batch_alter_table('notes', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_notes_case_id'))
        batch_op.drop_index(batch_op.f('ix_notes_brand_id'))

    op.drop_table('notes')
    with op.batch_alter_table('readings', schema=None) as batch_op:
        batch_op.drop_index('ix_readings_content')
        batch_op.drop_index(batch_op.f('ix_readings_brand_id'))

    op.drop_table('readings')
    with op.batch_alter_table('quotes', schema=None) as batch_op:
        batch_op.drop_index('ix_quotes_lookup')
        batch_op.drop_index(batch_op.f('ix_quotes_brand_id'))
        batch_op.drop_index(batch_op.f('ix_quotes_author_id'))

    op.drop_table('quotes')
    with op.batch_alter_table('post_versions', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_post_versions_brand_id'))

    op.drop_table('post_versions')
    with op.batch_alter_table('messages', schema=None) as batch_op:
        batch_op.drop_index('ix_messages_work')
        batch_op.drop_index('ix_messages_customer')
        batch_op.drop_index(batch_op.f('ix_messages_case_id'))
        batch_op.drop_index(batch_op.f('ix_messages_brand_id'))

    op.drop_table('messages')
    with op.batch_alter_table('matches', schema=None) as batch_op:
        batch_op.drop_index('ix_matches_review')
        batch_op.drop_index(batch_op.f('ix_matches_customer_key'))
        batch_op.drop_index(batch_op.f('ix_matches_brand_id'))

    op.drop_table('matches')
    with op.batch_alter_table('case_posts', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_case_posts_case_id'))
        batch_op.drop_index(batch_op.f('ix_case_posts_brand_id'))

    op.drop_table('case_posts')
    with op.batch_alter_table('case_events', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_case_events_case_id'))
        batch_op.drop_index(batch_op.f('ix_case_events_brand_id'))

    op.drop_table('case_events')
    with op.batch_alter_table('preferences', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_preferences_brand_id'))

    op.drop_table('preferences')
    with op.batch_alter_table('posts', schema=None) as batch_op:
        batch_op.drop_index('ix_posts_thread')
        batch_op.drop_index('ix_posts_stage_lease')
        batch_op.drop_index('ix_posts_repost_of')
        batch_op.drop_index('ix_posts_created')
        batch_op.drop_index('ix_posts_content')
        batch_op.drop_index(batch_op.f('ix_posts_brand_id'))
        batch_op.drop_index(batch_op.f('ix_posts_author_id'))

    op.drop_table('posts')
    with op.batch_alter_table('objections', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_objections_brand_id'))

    op.drop_table('objections')
    with op.batch_alter_table('identities', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_identities_customer_key'))
        batch_op.drop_index(batch_op.f('ix_identities_brand_id'))

    op.drop_table('identities')
    with op.batch_alter_table('customer_keys', schema=None) as batch_op:
        batch_op.drop_index('ix_customer_keys_lookup')
        batch_op.drop_index(batch_op.f('ix_customer_keys_brand_id'))

    op.drop_table('customer_keys')
    with op.batch_alter_table('contact_points', schema=None) as batch_op:
        batch_op.drop_index('ix_contact_points_value')
        batch_op.drop_index(batch_op.f('ix_contact_points_brand_id'))

    op.drop_table('contact_points')
    with op.batch_alter_table('consents', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_consents_brand_id'))

    op.drop_table('consents')
    with op.batch_alter_table('cases', schema=None) as batch_op:
        batch_op.drop_index('ix_cases_queue')
        batch_op.drop_index(batch_op.f('ix_cases_customer_key'))
        batch_op.drop_index('ix_cases_contact')
        batch_op.drop_index(batch_op.f('ix_cases_brand_id'))
        batch_op.drop_index(batch_op.f('ix_cases_author_id'))

    op.drop_table('cases')
    op.drop_table('user_brands')
    with op.batch_alter_table('suppressions', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_suppressions_brand_id'))

    op.drop_table('suppressions')
    with op.batch_alter_table('sessions', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_sessions_user_id'))

    op.drop_table('sessions')
    with op.batch_alter_table('quarantine', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_quarantine_brand_id'))

    op.drop_table('quarantine')
    with op.batch_alter_table('orders', schema=None) as batch_op:
        batch_op.drop_index('ix_orders_normal')
        batch_op.drop_index('ix_orders_customer')
        batch_op.drop_index(batch_op.f('ix_orders_brand_id'))

    op.drop_table('orders')
    with op.batch_alter_table('interactions', schema=None) as batch_op:
        batch_op.drop_index('ix_interactions_customer')
        batch_op.drop_index(batch_op.f('ix_interactions_brand_id'))

    op.drop_table('interactions')
    with op.batch_alter_table('customers', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_customers_brand_id'))

    op.drop_table('customers')
    with op.batch_alter_table('cursors', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_cursors_brand_id'))

    op.drop_table('cursors')
    with op.batch_alter_table('authors', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_authors_brand_id'))

    op.drop_table('authors')
    with op.batch_alter_table('audit', schema=None) as batch_op:
        batch_op.drop_index('ix_audit_subject')
        batch_op.drop_index(batch_op.f('ix_audit_brand_id'))

    op.drop_table('audit')
    op.drop_table('work_leases')
    op.drop_table('users')
    op.drop_table('secrets')
    op.drop_table('brands')

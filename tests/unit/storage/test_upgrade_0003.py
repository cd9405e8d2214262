"""What was read before people could be asked is asked too."""

import json

from alembic import command
from sqlalchemy import text

from storage.database import Database, _alembic

INSERT = """
INSERT INTO readings (post_id, version, content_hash, language, sentiment, intent, urgency, complaint, about_brand,
  ironic, escalation, unhappy, details, model, read_at, brand_id)
VALUES (:post, 1, 'h', 'fr', 'neutral', 'question', 'low', 0.5, 0.5, 0, 0, :no, :details, 'embedded-1',
  '2026-11-16 09:00:00', 'b')
"""
POST = """
INSERT INTO posts (id, brand_id, network, native_id, text, version, heard_at, thread, is_repost, attributes, stage,
  crm_version)
VALUES (:post, 'b', 'x', :name, 'mots', 1, '2026-11-16 09:00:00', '1', :no, '{}', 'routed', 0)
"""


def test_old_readings_keep_what_they_are_and_name_their_doubts(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    with database.engine.execution_options(writes=True).begin() as connection:
        command.upgrade(_alembic(connection), "0002")
        connection.execute(
            text("INSERT INTO brands (id, crm_version, created_at) VALUES ('b', 0, '2026-11-16 09:00:00')")
        )
        for post, abstain in enumerate((["intent", "urgency", "about_brand"], [], None), start=1):
            details = json.dumps({} if abstain is None else {"abstain": abstain})
            connection.execute(text(POST), {"post": post, "name": str(post), "no": False})
            connection.execute(text(INSERT), {"post": post, "no": False, "details": details})
    database.upgrade()
    with database.engine.connect() as connection:
        found = connection.execute(text("SELECT doubts, model FROM readings ORDER BY post_id")).all()
    database.close()
    assert [tuple(row) for row in found] == [
        ("about_brand,intent", "embedded-1"),
        ("", "embedded-1"),
        ("", "embedded-1"),
    ]

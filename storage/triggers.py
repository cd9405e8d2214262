"""Tables to which one may only add: the database itself refuses UPDATE and DELETE."""

from sqlalchemy import Connection


def append_only(connection: Connection, table: str) -> None:
    """Add the triggers that keep a table append-only."""
    statements = _POSTGRESQL if connection.dialect.name == "postgresql" else _SQLITE
    for statement in statements:
        connection.exec_driver_sql(statement.format(table=table))


_SQLITE = tuple(
    f"""CREATE TRIGGER {{table}}_no_{verb} BEFORE {verb} ON {{table}}
        BEGIN SELECT RAISE(ABORT, '{{table}} is append-only'); END"""
    for verb in ("update", "delete")
)

_POSTGRESQL = (
    """CREATE OR REPLACE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$""",
    """CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
       FOR EACH ROW EXECUTE FUNCTION {table}_append_only()""",
)

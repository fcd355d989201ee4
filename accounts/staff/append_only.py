"""Tables whose rows are written once: the database itself refuses to change them.

Call ``kept`` in the migration that makes the table. SQLite loses the triggers of a table that a later migration
rebuilds: that migration calls it again. DELETE is refused on PostgreSQL alone, since Django empties the tables of
SQLite that way between tests.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_FUNCTION = """CREATE OR REPLACE FUNCTION accounts_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
RAISE EXCEPTION 'Rows of % are written once.', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$"""


def kept(table: str) -> migrations.RunPython:
    """Return the operation that lets the database refuse UPDATE and DELETE on a table."""

    def install(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
        remove(apps, schema_editor)
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(_FUNCTION, params=None)
            schema_editor.execute(
                f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION accounts_append_only()",
                params=None,
            )
        else:
            schema_editor.execute(
                f"CREATE TRIGGER {table}_kept BEFORE UPDATE ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'Rows of {table} are written once.'); END",
                params=None,
            )

    def remove(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
        on = f" ON {table}" if schema_editor.connection.vendor == "postgresql" else ""
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_kept{on}", params=None)

    return migrations.RunPython(install, remove)

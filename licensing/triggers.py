"""What the database itself refuses: changing an entry of the register, or what a certificate says.

``install`` is called by a migration. SQLite loses the triggers of a table that a later migration rebuilds: that
migration must call it again (a test sees to it). DELETE is refused on PostgreSQL alone, since Django empties the tables
of SQLite that way between tests.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor

ENTRY = "licensing_registerentry"
CERTIFICATE = "licensing_certificate"
APPEND_ONLY = "The register is append-only."
FROZEN = "What a certificate says is frozen."
FOR_EVER = ("copyright_id", "right_id", "holder_id", "is_test", "facts", "issued_at")
ONCE_SIGNED = ("document", "signature", "key_id", "signed_at")
ONCE_REPLACED = ("state", "successor_id")


def install(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create the triggers, in the place of older ones of the same names."""
    remove(apps, schema_editor)
    _run(schema_editor, _POSTGRESQL if schema_editor.connection.vendor == "postgresql" else _SQLITE)


def remove(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Drop the triggers."""
    on = {"licensing_entry_kept": ENTRY, "licensing_certificate_frozen": CERTIFICATE}
    if schema_editor.connection.vendor != "postgresql":
        _run(schema_editor, [f"DROP TRIGGER IF EXISTS {name}" for name in on])
        return
    on["licensing_certificate_kept"] = CERTIFICATE
    _run(schema_editor, [f"DROP TRIGGER IF EXISTS {name} ON {table}" for name, table in on.items()])
    _run(schema_editor, ["DROP FUNCTION IF EXISTS licensing_refuse()"])


def _altered(differs: str) -> str:
    """Return the condition under which an UPDATE alters what must stay; ``differs`` is how the database compares."""

    def any_of(columns: tuple[str, ...]) -> str:
        return "(" + " OR ".join(f"NEW.{column} {differs} OLD.{column}" for column in columns) + ")"

    return (
        f"{any_of(FOR_EVER)} OR (OLD.document <> '' AND {any_of(ONCE_SIGNED)})"
        f" OR (OLD.state <> 'current' AND {any_of(ONCE_REPLACED)})"
    )


def _run(schema_editor: BaseDatabaseSchemaEditor, statements: list[str]) -> None:
    for statement in statements:
        # Without parameters a percent sign is what it is.
        schema_editor.execute(statement, params=None)


_SQLITE = [
    f"""CREATE TRIGGER licensing_entry_kept BEFORE UPDATE ON {ENTRY}
    BEGIN SELECT RAISE(ABORT, '{APPEND_ONLY}'); END""",
    f"""CREATE TRIGGER licensing_certificate_frozen BEFORE UPDATE ON {CERTIFICATE} WHEN {_altered("IS NOT")}
    BEGIN SELECT RAISE(ABORT, '{FROZEN}'); END""",
]
_POSTGRESQL = [
    """CREATE FUNCTION licensing_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation'; END $$""",
    f"""CREATE TRIGGER licensing_entry_kept BEFORE UPDATE OR DELETE ON {ENTRY}
    FOR EACH ROW EXECUTE FUNCTION licensing_refuse('{APPEND_ONLY}')""",
    f"""CREATE TRIGGER licensing_certificate_frozen BEFORE UPDATE ON {CERTIFICATE}
    FOR EACH ROW WHEN ({_altered("IS DISTINCT FROM")}) EXECUTE FUNCTION licensing_refuse('{FROZEN}')""",
    f"""CREATE TRIGGER licensing_certificate_kept BEFORE DELETE ON {CERTIFICATE}
    FOR EACH ROW EXECUTE FUNCTION licensing_refuse('{FROZEN}')""",
]

"""Runs the migrations on the connection that kronos.migrations opened, in its transaction."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    version_table_schema="kronos",
    version_table="schema_version",
    transaction_per_migration=False,
)
context.run_migrations()

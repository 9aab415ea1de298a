"""Alembic's entry: one given connection, one transaction, our schema's own version table."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table_schema=context.config.attributes["schema"])
context.run_migrations()

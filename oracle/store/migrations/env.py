"""What Alembic runs: the revisions, on the connection and in the transaction it was given."""

from alembic import context

from oracle.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()

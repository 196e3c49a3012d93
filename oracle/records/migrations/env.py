"""What Alembic runs: the revisions, on the connection and in the transaction it was given."""

from typing import Any

from alembic import context

from oracle.records.schema import metadata


def _run(config: Any) -> None:
    context.configure(connection=config.attributes["connection"], target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()


# Alembic gives the module a configuration; whoever only imports it has nothing to run.
if (_config := getattr(context, "config", None)) is not None:
    _run(_config)

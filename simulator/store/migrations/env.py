"""What Alembic runs for every command: the steps, on the connection that `migrate.py` hands over in its transaction."""

from alembic import context

from simulator.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()

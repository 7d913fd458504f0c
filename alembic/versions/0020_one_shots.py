"""A one-shot that has nothing but its execution is its execution: no row of kronos.jobs."""

from pathlib import Path

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Let an execution be its own job, and find such jobs by their endpoint."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0020 has no way down: restore the backup that was made before it")

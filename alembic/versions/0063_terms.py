"""Live CRON jobs by what decides when they run: the load to come reads an index, not the jobs."""

from pathlib import Path

from alembic import op

revision = "0063"
down_revision = "0062"


def upgrade() -> None:
    """An index alone, which the release before keeps, and does not read."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0063 has no way down: restore the backup that was made before it")

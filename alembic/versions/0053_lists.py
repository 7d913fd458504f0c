"""Live CRON jobs in the order of their names, and of their next ticks; groups of dead letters by an index alone."""

from pathlib import Path

from alembic import op

revision = "0053"
down_revision = "0052"


def upgrade() -> None:
    """Indexes alone, which the release before keeps, and reads where it read the one that had fewer columns."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0053 has no way down: restore the backup that was made before it")

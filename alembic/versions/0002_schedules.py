"""Zones, intervals and L W # in schedules; which ticks a version accounts for; overlap, pauses that end, skipping,
catch-up, backfills."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Widen types and tables; every present schedule becomes one of UTC, as it was."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: it would take away what jobs of this revision are scheduled by."""
    raise RuntimeError("revision 0002 has no way down: restore the backup that was made before it")

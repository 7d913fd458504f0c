"""Indexes for what the reaper asks each minute; by which offsets a time zone's jobs are scheduled, and how far a change
has come."""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add indexes and columns; each zone in use is read anew at the reaper's next run."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: a change of time zone data that is under way would be forgotten half done."""
    raise RuntimeError("revision 0006 has no way down: restore the backup that was made before it")

"""Ticks that are moved by their gap's length; calendar intervals on a zone's wall clock; one-shots at a local time."""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0007"


def upgrade() -> None:
    """Widen the schedule and the jobs table; every present job keeps what it does."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: it would take away what jobs of this revision are scheduled by."""
    raise RuntimeError("revision 0009 has no way down: restore the backup that was made before it")

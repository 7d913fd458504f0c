"""Calendars, and what becomes of the ticks that one closes."""

from pathlib import Path

from alembic import op

revision = "0062"
down_revision = "0061"


def upgrade() -> None:
    """A table, and columns that may be null or have a default: the release before writes rows without them."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0062 has no way down: restore the backup that was made before it")

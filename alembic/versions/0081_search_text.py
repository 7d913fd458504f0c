"""A job's name, title and schedule in words stand in one text, in small letters, for q."""

from pathlib import Path

from alembic import op

revision = "0081"
down_revision = "0079"


def upgrade() -> None:
    """Rows that are there get theirs in steps, by the reaper (note_search_texts), and are found meanwhile as before."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0081 has no way down: restore the backup that was made before it")

"""Titles of jobs and endpoints, found by the text index of names; a version of each workspace, for If-Match."""

from pathlib import Path

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the columns; every present row keeps what it says."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: it would take away what people called their jobs."""
    raise RuntimeError("revision 0012 has no way down: restore the backup that was made before it")

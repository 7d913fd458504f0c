"""Attempts tell their endpoint's version; backfills what they take, and which FAILED runs they made due again."""

from pathlib import Path

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Columns without a default that is stored, and a table: nothing is rewritten."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: FAILED runs that are due again would be nobody's."""
    raise RuntimeError("revision 0013 has no way down: restore the backup that was made before it")

"""Limits per key: of an endpoint's executions, so many under way at once that have the same value in their input."""

from pathlib import Path

from alembic import op

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    """Columns of gates and of the queue, all null, and two indexes with nothing in them."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0035 has no way down: restore the backup that was made before it")

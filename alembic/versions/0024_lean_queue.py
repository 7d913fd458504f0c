"""A claim finds room in the queue's indexes; the only attempt of a success is kept in its execution's row."""

from pathlib import Path

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """For pages and rows to come: what is there stays as it is, and is read as before."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0024 has no way down: restore the backup that was made before it")

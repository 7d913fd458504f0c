"""Deadlines: how long after its time an execution may still be delivered."""

from pathlib import Path

from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Both columns, null for what is there, and the index of those that have one."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0031 has no way down: restore the backup that was made before it")

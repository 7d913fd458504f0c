"""Of a cancelled job what has still to end is noted, and of a suspension why it is late."""

from pathlib import Path

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """A job with very many executions is cancelled at once, and they end in steps."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: executions that nobody may claim would be claimed."""
    raise RuntimeError("revision 0023 has no way down: restore the backup that was made before it")

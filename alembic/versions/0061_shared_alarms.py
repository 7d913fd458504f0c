"""Jobs that tick alike share an entry of pg_cron."""

from pathlib import Path

from alembic import op

revision = "0061"
down_revision = "0059"


def upgrade() -> None:
    """A table of one row, and an index: the release before goes on with an entry a job, which rings as it did."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0061 has no way down: restore the backup that was made before it")

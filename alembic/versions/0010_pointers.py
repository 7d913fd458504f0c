"""A CRON job's pointer leaves the job's row: a tick writes a narrow table with two indexes."""

from pathlib import Path

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Move the pointers of the live CRON jobs; ticks go on from where they stand."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: the release before reads pointers where they are no more."""
    raise RuntimeError("revision 0010 has no way down: restore the backup that was made before it")

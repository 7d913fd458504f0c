"""Jobs that follow a calendar in steps, and what is asked of jobs with calendars as an index."""

from pathlib import Path

from alembic import op

revision = "0066"
down_revision = "0064"


def upgrade() -> None:
    """A table and two indexes: the release before moves all jobs in the transaction of the change."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0066 has no way down: restore the backup that was made before it")

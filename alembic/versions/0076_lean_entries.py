"""A claim of a one-shot that is its execution writes two entries of indexes in place of four."""

from pathlib import Path

from alembic import op

revision = "0076"
down_revision = "0074"


def upgrade() -> None:
    """The queue's indexes are made anew, smaller: nothing is written to it while each of its rows is looked at once."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0076 has no way down: restore the backup that was made before it")

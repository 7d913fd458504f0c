"""Runs that ended are not read again: by a tick of a job whose runs must not overlap, and by who asks what waits."""

from pathlib import Path

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Number the unfinished runs; what keeps two of them from being delivered at once is a trigger now."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: the release before inserts runs without a number."""
    raise RuntimeError("revision 0016 has no way down: restore the backup that was made before it")

"""Many jobs are changed by an operation, behind the request that began it."""

from pathlib import Path

from alembic import op

revision = "0054"
down_revision = "0053"


def upgrade() -> None:
    """Columns that may be null or have a default, and two checks that know more words: the release before writes rows
    without them."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0054 has no way down: restore the backup that was made before it")

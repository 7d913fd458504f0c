"""Dead letters: failed executions that nobody has dealt with, and operations over many of them."""

from pathlib import Path

from alembic import op

revision = "0029"
down_revision = "0027"


def upgrade() -> None:
    """Both tables, empty. The triggers come with the functions; 0030 notes what failed before."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0029 has no way down: restore the backup that was made before it")

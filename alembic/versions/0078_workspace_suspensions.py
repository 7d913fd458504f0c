"""When workspaces were suspended: heartbeats go by the instants of it."""

from pathlib import Path

from alembic import op

revision = "0078"
down_revision = "0076"


def upgrade() -> None:
    """A column with a default, which rewrites no row: of a suspension that was over before, nothing is known."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0078 has no way down: restore the backup that was made before it")

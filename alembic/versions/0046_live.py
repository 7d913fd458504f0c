"""What has changed lately is noted while somebody listens."""

from pathlib import Path

from alembic import op

revision = "0046"
down_revision = "0045"


def upgrade() -> None:
    """Four unlogged tables with nothing in them, and a sequence."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0046 has no way down: restore the backup that was made before it")

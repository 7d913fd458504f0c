"""Jobs and runs by hand know the trace of the request that made them."""

from pathlib import Path

from alembic import op

revision = "0059"
down_revision = "0058"


def upgrade() -> None:
    """Two columns that may be null: the release before writes rows without them."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0059 has no way down: restore the backup that was made before it")

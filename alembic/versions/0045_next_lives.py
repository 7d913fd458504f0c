"""A workspace that takes the slug of a deleted one goes on with its versions."""

from pathlib import Path

from alembic import op

revision = "0045"
down_revision = "0043"


def upgrade() -> None:
    """A column, and an index, of a table with a row a deleted workspace."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0045 has no way down: restore the backup that was made before it")

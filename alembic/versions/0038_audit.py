"""Who changed what: a row a change, sealed into a chain of hashes for each workspace; how long it is kept."""

from pathlib import Path

from alembic import op

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    """Three new tables with nothing in them, and a column of retention, which has one row."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0038 has no way down: restore the backup that was made before it")

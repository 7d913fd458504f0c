"""Sessions of keys: who has signed in with one is signed in for as long as it works."""

from pathlib import Path

from alembic import op

revision = "0050"
down_revision = "0046"


def upgrade() -> None:
    """A column of a small table; the release before finds and opens people's sessions as it did."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0050 has no way down: restore the backup that was made before it")

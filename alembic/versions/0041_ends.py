"""What waits for its key goes in the order of its priority, and an end waits for no lock on what it calls back."""

from pathlib import Path

from alembic import op

revision = "0041"
down_revision = "0039"


def upgrade() -> None:
    """An index of what is parked, which is little, in another order; a check and a reference less; a column, null."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0041 has no way down: restore the backup that was made before it")

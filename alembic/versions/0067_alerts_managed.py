"""Files hold heartbeats and alert rules, quotas bound them, and who listens hears of heartbeats."""

from pathlib import Path

from alembic import op

revision = "0067"
down_revision = "0066"


def upgrade() -> None:
    """Columns that may be null, an index of a small table, and more values of checks: the release before writes none of
    them."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0067 has no way down: restore the backup that was made before it")

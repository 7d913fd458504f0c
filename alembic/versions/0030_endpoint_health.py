"""Health of endpoints: which fail, which are slowed down, which are disabled."""

from pathlib import Path

from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """A table that is empty as long as nothing fails, and what it needs of endpoints and their gates."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0030 has no way down: restore the backup that was made before it")

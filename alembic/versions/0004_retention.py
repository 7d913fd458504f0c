"""Retention: how long history is kept, and what it needs to be aged out: chains of versions that may lose one, and
indexes."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add tables and indexes; relax what ties a version to the one before it."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: versions whose predecessor has been aged out do not fit the constraints of before."""
    raise RuntimeError("revision 0004 has no way down: restore the backup that was made before it")

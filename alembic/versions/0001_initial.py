"""The first schema."""

from pathlib import Path

from alembic import context, op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create types, tables and indexes."""
    text = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    if context.is_offline_mode():
        op.execute(text)
    else:
        # psycopg's own cursor: without parameters a % is a %
        op.get_bind().connection.driver_connection.execute(text)


def downgrade() -> None:
    """Refused: it would delete every job."""
    raise RuntimeError("the first schema has no way down: drop the database instead")

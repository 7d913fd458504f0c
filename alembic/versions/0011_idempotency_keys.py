"""Idempotency keys of all calls that make something, besides those of jobs, which stand in the jobs' rows."""

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the table."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Forget the keys."""
    op.execute("drop table kronos.idempotency_keys")

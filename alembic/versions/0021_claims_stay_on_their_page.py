"""A claimed execution's row stays on its page."""

from pathlib import Path

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Leave room on a page for each of its rows."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Fill pages as before."""
    op.execute("alter table kronos.execution_live set (fillfactor = 70)")

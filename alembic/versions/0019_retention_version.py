"""A workspace's own retention has a version, for If-Match."""

from pathlib import Path

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Count the changes of workspace_retention."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Take the count away; nothing else knows it."""
    op.execute("alter table kronos.workspace_retention drop column version")

"""Keys are the instance's or a workspace's, with a role, an end, a name, and the time of their last use."""

from pathlib import Path

from alembic import op

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    """Columns whose defaults are what each key of the instance's administrator was; no row is rewritten."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0036 has no way down: restore the backup that was made before it")

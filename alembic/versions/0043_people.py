"""People sign in by OpenID Connect: their groups' roles in workspaces, and their sessions."""

from pathlib import Path

from alembic import op

revision = "0043"
down_revision = "0041"


def upgrade() -> None:
    """Two tables with nothing in them."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0043 has no way down: restore the backup that was made before it")

"""Why a claimed execution is not to be tried again stands in its row; what deleted workspaces left unfinished is
ended."""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """A nullable column at the end of execution_live; rows of workspaces that are gone."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: what was cancelled while it ran would be tried again."""
    raise RuntimeError("revision 0007 has no way down: restore the backup that was made before it")

"""Each execution that was made late notes its days under its own id: so that no note waits for another's."""

from pathlib import Path

from alembic import op

revision = "0055"
down_revision = "0054"


def upgrade() -> None:
    """Only triggers write the table, and they come with this step: the release before reads it alone."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0055 has no way down: restore the backup that was made before it")

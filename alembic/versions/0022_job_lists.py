"""Lists of jobs by tag and by text read what they show; a week with one execution of a status says which."""

from pathlib import Path

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Tags have a table in the order of the lists, names an index in that order. Of weeks noted before nobody says that
    it was one."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: the release before would take a second execution of a week for noted."""
    raise RuntimeError("revision 0022 has no way down: restore the backup that was made before it")

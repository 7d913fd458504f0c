"""The weeks in which a workspace or a job has finished executions of a status: a list looks in no other."""

from pathlib import Path

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Weeks are noted from now on; what finished before is looked for in each partition, as before, until it has aged
    away."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: the release before would finish executions whose weeks nobody notes."""
    raise RuntimeError("revision 0018 has no way down: restore the backup that was made before it")

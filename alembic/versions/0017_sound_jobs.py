"""What a job's columns must be to each other is looked at by a trigger, which keeps it, and not by constraints, which
are read anew."""

from pathlib import Path

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Let the constraints go; the trigger (functions/changes/require_sound_job.sql) comes in the same transaction."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: it would leave jobs without any of the two."""
    raise RuntimeError("revision 0017 has no way down: restore the backup that was made before it")

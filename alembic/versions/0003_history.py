"""An id names its partition; indexes hold the filters of lists; the days on which rows were made late are noted."""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """New indexes in place of old ones, and the late days of what is there."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused, as all are: restore the backup that was made before it."""
    raise RuntimeError("revision 0003 has no way down: restore the backup that was made before it")

"""Secrets, sealed; endpoints' versions say which ones their deliveries need, and which of them sign."""

from pathlib import Path

from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """A table for secrets. Versions of endpoints that there are need none."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: what deliveries are signed with would be lost."""
    raise RuntimeError("revision 0027 has no way down: restore the backup that was made before it")

"""Configs and payload specs, which endpoints name; a change of a config makes each endpoint's next version."""

from pathlib import Path

from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Documents and their versions; what an endpoint names of them, and whether its newest version is what counts."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: the release before knows no documents."""
    raise RuntimeError("revision 0026 has no way down: restore the backup that was made before it")

"""Who began a backfill, so that it ends where they may not do it any more."""

from pathlib import Path

from alembic import op

revision = "0072"
down_revision = "0067"


def upgrade() -> None:
    """A column without a default: of a backfill that the release before begins nobody is known, and it goes on."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0072 has no way down: restore the backup that was made before it")

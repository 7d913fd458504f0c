"""Who listens hears of what people configure: endpoints, documents, secrets, alert rules, incidents, the workspace."""

from pathlib import Path

from alembic import op

revision = "0074"
down_revision = "0072"


def upgrade() -> None:
    """More values of two checks: the release before writes none of them, and passes over those that it reads."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0074 has no way down: restore the backup that was made before it")

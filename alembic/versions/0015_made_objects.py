"""What an upgrade made, so that what was changed by hand since is found and put right by name."""

from pathlib import Path

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Create the table; the migration that is under way fills it."""
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: an older release would neither fill it nor take it away."""
    raise RuntimeError("revision 0015 has no way down: restore the backup that was made before it")

"""Keys know the file that Kronos wrote them to, so that a new one in it takes their place."""

from pathlib import Path

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add where a key is kept; of present ones the next start says it."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Forget where keys are kept."""
    op.execute("alter table kronos.api_keys drop column kept_in")

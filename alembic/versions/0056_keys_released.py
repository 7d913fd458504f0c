"""A statement that ends executions frees their concurrency keys itself."""

from pathlib import Path

from alembic import op

revision = "0056"
down_revision = "0055"


def upgrade() -> None:
    """Functions and a trigger alone, which every migration replaces. The release before goes on freeing keys by the
    trigger."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refused: there is no way down."""
    raise RuntimeError("revision 0056 has no way down: restore the backup that was made before it")

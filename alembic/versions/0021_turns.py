"""Jobs follow a suspension or resumption of their workspace in bounded steps."""

from pathlib import Path

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Remember what the jobs of a workspace have still to follow."""
    # psycopg's own cursor: without parameters a % is a %
    op.get_bind().connection.driver_connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Take it away, where no workspace's jobs are under way. Raises RuntimeError."""
    if op.get_bind().exec_driver_sql("select exists (select from kronos.turns)").scalar():
        raise RuntimeError(
            "jobs still follow a suspension or resumption of their workspace: downgrade once jobs_left is 0 everywhere"
        )
    op.execute("drop table kronos.turns")

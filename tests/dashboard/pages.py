"""Every page of the dashboard, as the tests of all pages walk them. A page that is not here fails test_all_pages.

Paths are formatted with what `furnished` made: workspace, job, execution, … (tests/dashboard/furniture.py).
"""

from typing import Final

PAGES: Final = (
    "/w",
    "/w/{workspace}/jobs",
    "/w/{workspace}/jobs/new",
    "/w/{workspace}/jobs/{job}/edit",
    "/w/{workspace}/nothing-there",
    "/w/{workspace}/configs",
    "/w/{workspace}/configs/{config}",
    "/w/{workspace}/payload-specs",
    "/w/{workspace}/payload-specs/{payload_spec}",
    "/w/{workspace}/secrets",
    "/w/{workspace}/secrets/{secret}",
    "/sign-in",
    "/sign-in?next=/w/{workspace}",
)
"""Pages that are read with GET."""

NOT_WALKED: Final = frozenset({"/static/{digest}/{name}", "/w/{rest:path}"})
"""Routes of GET that are no page of their own."""

"""Why a command found no local `kronos up`."""

import os

from kronos.cli.output import printable
from kronos.embedded.errors import HomeUnusable
from kronos.embedded.home import Home, default_home


def none_here() -> str:
    """Return where the local `kronos up` was looked for, or how to name its folder; the end of an error."""
    if not os.environ.get("KRONOS_HOME"):
        return "for a `kronos up --home DIR`, set KRONOS_HOME to DIR"
    try:
        home = Home(default_home())
        named = f"KRONOS_HOME is {printable(str(home.path))}"
        with home.run_json.open("rb") as file:
            is_mine = os.fstat(file.fileno()).st_uid == os.geteuid()
    except HomeUnusable as error:
        return printable(f"KRONOS_HOME cannot be used: {error}")
    except PermissionError:
        return f"{named}, which this user may not read: run the command as the user of that `kronos up`"
    except OSError:
        is_mine = True  # the file exists while an instance is ready
    if not is_mine:
        why = "none is running in it, or its run.json names a key or a server outside"
        return f"{named}, which is another user's: {why}"
    return f"{named}, in which none is running"

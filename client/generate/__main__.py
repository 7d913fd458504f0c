"""`bin/client`: what is made of the API's document, and of the client for asyncio, written anew."""

import sys
from pathlib import Path

from generate import document, making

if __name__ == "__main__":
    changed = making.write(document.load(), Path(__file__).parents[2])
    sys.stdout.write("".join(f"changed {name}\n" for name in changed) or "nothing has changed\n")

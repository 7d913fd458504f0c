"""`bin/client`: regenerate the parts of the client that come from OpenAPI and from the client for asyncio."""

import sys
from pathlib import Path

from generate import docs, document, making

if __name__ == "__main__":
    root, api = Path(__file__).parents[2], document.load()
    changed = making.write(api, root)
    page, text = root / docs.PAGE, docs.page(api, root)
    if not page.exists() or page.read_text(encoding="utf-8") != text:
        page.write_text(text, encoding="utf-8")
        changed.append(docs.PAGE)
    sys.stdout.write("".join(f"changed {name}\n" for name in changed) or "nothing has changed\n")

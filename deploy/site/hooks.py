"""mkdocs hooks: add pages from outside docs/ to the site, and rewrite links to them."""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
# Files of the repository and their names in the site.
BESIDE = {
    "README.md": "tour.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "SECURITY.md": "SECURITY.md",
    "sql/README.md": "sql.md",
    "examples/typescript/README.md": "typescript.md",
}
_CAME_FROM = {site: repository for repository, site in BESIDE.items()}
_LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#\s]+)")
_WHOLE = re.compile(r"(?<!!)\[([^\][]*)\]\((?!\w+:|#)([^)#\s]+)(?:#[^)\s]*)?\)")
_MERMAID = Path(__file__).parent / "node_modules" / "mermaid" / "dist" / "mermaid.min.js"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside docs/, and the chart script if bin/site has fetched it."""
    for repository, site in BESIDE.items():
        files.append(File.generated(config, site, content=(ROOT / repository).read_text(encoding="utf-8")))
    if _MERMAID.exists():
        files.append(File.generated(config, "assets/mermaid.min.js", abs_src_path=str(_MERMAID)))
    for decision in files.documentation_pages():
        if re.match(r"decisions/\d", decision.src_uri):
            decision.inclusion = decision.inclusion.NOT_IN_NAV  # decisions/README.md lists them
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite links between docs/ and the added pages to their names in the site. A broken link stays, and fails the
    build."""
    del config
    source = page.file.src_uri
    here = posixpath.dirname(_CAME_FROM.get(source, f"docs/{source}"))

    def placed(link: str) -> str:
        target = posixpath.normpath(posixpath.join(here, link))
        if (ROOT / target).is_dir() and (ROOT / target / "README.md").exists():
            target += "/README.md"
        return BESIDE.get(target) or target.removeprefix("docs/")

    def without_what_is_no_page(link: re.Match[str]) -> str:
        is_there = files.get_file_from_path(placed(link[2])) or not (ROOT / here / link[2]).exists()
        return (
            link[0] if is_there else link[1]
        )  # a repository file that is not in the site keeps its text without the link

    def in_site(link: re.Match[str]) -> str:
        return posixpath.relpath(placed(link[1]), posixpath.dirname(source) or ".")

    return _LINK.sub(in_site, _WHOLE.sub(without_what_is_no_page, markdown))

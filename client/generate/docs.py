"""docs/client.md: the guide, the receivers, and every method with its docstring and its snippet."""

import ast
import re
import textwrap
from pathlib import Path

from generate.document import Json
from generate.models import fields_of
from generate.typing_of import python_name

PAGE = "docs/client.md"
_WIDTH = 106
_MADE = "<!-- Made by bin/client out of client/guide.md, client/snippets.md, client/examples and the docstrings. -->\n"
_RECEIVERS = {"fastapi": "FastAPI", "flask": "Flask", "django": "Django"}
_BY_HAND = ("wait_for", "events")


def snippets(root: Path) -> dict[str, str]:
    """The code of each snippet by the method's name, in the order in which they run."""
    text = (root / "client" / "snippets.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^## ([^\n]+)\n\n```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))


def page(document: Json, root: Path) -> str:
    """The page as it has to be; `root` is the checkout, whose client for threads is made already."""
    guide = (root / "client" / "guide.md").read_text(encoding="utf-8")
    parts = [_MADE, guide.replace("<!-- receivers -->\n", _receivers(root))]
    code, given = snippets(root), document
    sync = root / "kronos" / "client" / "_sync"
    parts.append(_section("acme", "A workspace", sync / "client.py", "WorkspaceClient", code, given, only=_BY_HAND))
    for owner, name, prefix in _owners(sync / "resources" / "__init__.py"):
        attribute = "audit" if name == "instance_audit" else name
        file, kind = sync / "resources" / f"{name}.py", "".join(part.title() for part in name.split("_")) + "Resource"
        title = f"{owner}.{attribute}"
        parts.append(_section(title, f"`{title}`", file, kind, code, given, prefix=prefix))
        if attribute == "audit":
            parts.append(_methods(title, sync / "exports.py", "AuditExports", code, given, prefix=prefix))
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _owners(file: Path) -> list[tuple[str, str, str]]:
    """Who has a resource, its name, and what snippets of it begin with: those of workspaces first."""
    found = []
    for kind in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(kind, ast.ClassDef):
            owner = "acme" if kind.name.startswith("Workspace") else "kronos"
            names = re.findall(r"(\w+)Resource\(", ast.unparse(kind))
            for each in (re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in names):
                found.append((owner, each, "instance " if each == "instance_audit" else ""))
    return sorted(found, key=lambda each: each[0])


def _receivers(root: Path) -> str:
    parts = []
    for name, title in _RECEIVERS.items():
        text = (root / "client" / "examples" / f"receiver_{name}.py").read_text(encoding="utf-8")
        parts.append(f"{title}:\n\n```python\n{text}```\n")
    return "\n".join(parts)


def _section(
    title: str,
    heading: str,
    file: Path,
    kind: str,
    code: dict[str, str],
    document: Json,
    *,
    prefix: str = "",
    only: tuple[str, ...] = (),
) -> str:
    told = ast.get_docstring(_class(file, kind)) or ""
    return f"## {heading}\n\n{_filled(told)}\n\n" + _methods(
        title, file, kind, code, document, prefix=prefix, only=only
    )


def _methods(
    title: str,
    file: Path,
    kind: str,
    code: dict[str, str],
    document: Json,
    *,
    prefix: str = "",
    only: tuple[str, ...] = (),
) -> str:
    parts = []
    for method in _class(file, kind).body:
        if isinstance(method, ast.FunctionDef) and (method.name in only if only else not method.name.startswith("_")):
            resource = "" if only else f"{prefix}{title.partition('.')[2]}."
            parts.append(_method(title, method, code.get(f"{resource}{method.name}", ""), document))
    return "\n\n".join(parts) + "\n"


def _method(title: str, method: ast.FunctionDef, snippet: str, document: Json) -> str:
    body = next(iter(re.findall(r"Unpack\[(\w+)\]", ast.unparse(method.args))), None)
    text = [f"### {title}.{method.name}", "", f"```text\n{_signature(title, method)}\n```", ""]
    text += [_filled(ast.get_docstring(method) or ""), ""]
    if body is not None:
        text += [_fields(body, document), ""]
    return "\n".join(text) + f"\n```python\n{snippet}```"


def _signature(title: str, method: ast.FunctionDef) -> str:
    arguments = re.sub(r"^self(, )?", "", ast.unparse(method.args))
    arguments = re.sub(r"Unpack\[(\w+)\]", r"\1", arguments)
    returns = re.sub(
        r"Generator\[(\w+), None\]", r"Iterator[\1]", ast.unparse(method.returns) if method.returns else ""
    )
    text = re.sub(r"(?<=[\w\]])=(?=\S)", " = ", f"{title}.{method.name}({arguments}) -> {returns}")
    return textwrap.fill(text, _WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def _fields(body: str, document: Json) -> str:
    properties, required = fields_of(body, document)
    names = [name for name in properties if name != "validate_only"]
    needed = ", ".join(f"`{python_name(name)}`" for name in names if name in required)
    others = ", ".join(f"`{python_name(name)}`" for name in names if name not in required)
    told = "; ".join(filter(None, [needed and f"needed: {needed}", others and f"may be: {others}"]))
    return _filled(f"`{body}`: {told}.")


def _filled(text: str) -> str:
    parts = [" ".join(part.split()) for part in text.split("\n\n")]
    return "\n\n".join(textwrap.fill(part, _WIDTH, break_long_words=False, break_on_hyphens=False) for part in parts)


def _class(file: Path, kind: str) -> ast.ClassDef:
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == kind:
            return node
    raise ValueError(f"{file} has no class {kind}")

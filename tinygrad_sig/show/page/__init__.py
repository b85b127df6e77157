"""The page: one HTML text in which one steps through a trace. It asks nobody for anything.

The one idea: what the browser may run and draw with is exactly what is written in the page. Its policy names the hash
of its script and of its style, and allows nothing else; what a trace is called can only ever be text.

The script is plain modules, in files beside this one, put one after the other, so that there is no build step. They
keep to a convention: an import is one line, `import { … } from "./file.js";`, an export stands before `function`,
`class` or `const`, and no name is given twice.
"""

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from ..data import compact
from .content import page_data

IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w-]+\.js)";\n', re.MULTILINE)
POLICY = {
    "default-src": "'none'",
    "script-src": "",
    "style-src": "",
    "img-src": "data:",
    "base-uri": "'none'",
    "form-action": "'none'",
}


def to_page(trace: Any) -> str:
    """The recorded page of a trace."""
    return assemble(page_data(trace), f"{trace.names[trace.output]} – where its gradient goes")


def assemble(
    data: Any,
    title: str,
    main: str = "recorded.js",
    allowed: Mapping[str, str] | None = None,
    blocks: Mapping[str, Any] | None = None,
    styles: tuple[str, ...] = ("page.css",),
) -> str:
    """The page that runs the module `main`, with its data and further blocks of data by the ids of their elements.

    `allowed` adds sources to the directives of the policy: {"connect-src": "'self'"}.
    """
    script = "\n".join(modules(main))
    style = "\n".join(map(read, styles))
    policy = POLICY | {"script-src": source(script), "style-src": source(style)}
    for directive, sources in (allowed or {}).items():
        policy[directive] = f"{policy.get(directive, '')} {sources}".strip()
    return Template(read("page.html")).substitute(
        title=escape(title),
        policy="; ".join(f"{directive} {sources}" for directive, sources in policy.items()),
        style=style,
        blocks="\n".join(block(id, value) for id, value in {"data": data, **(blocks or {})}.items()),
        script=script,
    )


def read(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


def modules(main: str, seen: set[str] | None = None) -> Iterator[str]:
    """The text of a module after those that it imports, each once, without the words import and export."""
    seen = set() if seen is None else seen
    seen.add(main)
    text = read(main)
    for name in IMPORT.findall(text):
        if name not in seen:
            yield from modules(name, seen)
    yield re.sub(r"^export (?=(async )?function|class|const|let)", "", IMPORT.sub("", text), flags=re.MULTILINE)


def source(text: str) -> str:
    """The hash by which the policy allows one script or style."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def block(id: str, value: Any) -> str:
    """Data that the script reads and nothing runs; JSON may have \\u003c for <, by which no element ends or begins."""
    text = compact(value).replace("<", "\\u003c")
    return f'<script type="application/json" id="{escape(id)}">{text}</script>'


class Frame:
    """A page in a frame of its own, for a cell of a notebook; as text it says what it is."""

    def __init__(self, page: str, height: int = 900) -> None:
        self.page, self.height = page, height

    def __repr__(self) -> str:
        return "<the page of a trace: a notebook shows it; to_page() writes it as a file>"

    def _repr_html_(self) -> str:
        look = f'width="100%" height="{self.height}" style="border: 0"'
        return f'<iframe sandbox="allow-scripts" title="trace" {look} srcdoc="{escape(self.page)}"></iframe>'

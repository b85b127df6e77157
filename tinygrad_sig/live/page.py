"""The live page as text: what the server sends, and the file that brings its own Python."""

import gzip
import re
from base64 import b64encode
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from .. import __name__ as package
from ..show.page import assemble
from .situations import SITUATIONS

TITLE = "Where a gradient goes"
STYLES = ("page.css", "live.css")
VERSION = "314.0.3"
PYODIDE = f"https://cdn.jsdelivr.net/pyodide/v{VERSION}/full/"
RUNTIME = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")


def served() -> str:
    """The page that asks the server it came from."""
    return assemble({"situations": SITUATIONS}, TITLE, "served.js", {"connect-src": "'self'"}, styles=STYLES)


def alone(where: str, query: str) -> str:
    """The page that runs the engine in the browser, by Pyodide from a directory, which it embeds, or from an address.

    Raises ValueError where neither is there.
    """
    allowed = {"script-src": "'wasm-unsafe-eval' blob:"}
    if re.match("https?:", where, re.IGNORECASE):
        address = re.fullmatch(r"(https?://[a-z0-9._-]+(?::\d{1,5})?)(/[^\s\"'<>;,?#\\]*)?", where, re.IGNORECASE)
        if not address or not where.isascii():
            raise ValueError(f"--pyodide: {where!r} is no address; write it like {PYODIDE}")
        allowed = {"script-src": f"'wasm-unsafe-eval' {address[1]}", "connect-src": address[1]}
        python: dict[str, Any] = {"address": where if where.endswith("/") else f"{where}/"}
    else:
        try:
            python = {"files": embedded(Path(where))}
        except OSError as error:
            raise ValueError(f"--pyodide: cannot read {where}: {error.strerror}; give another directory") from None
    blocks = {"python": python, "sources": sources(files(package))}
    return assemble({"situations": SITUATIONS, "query": query}, TITLE, "alone.js", allowed, blocks, STYLES)


def embedded(directory: Path) -> dict[str, str]:
    """Pyodide and NumPy's wheel from a directory, each compressed, as the text that a page can hold."""
    wheels = sorted(directory.glob("numpy-*wasm32.whl"))
    missing = [name for name in RUNTIME if not (directory / name).is_file()] + ["NumPy's wheel for it"] * (not wheels)
    if missing:
        raise ValueError(
            f"--pyodide: {directory} has no {missing[0]}; give a directory that has Pyodide and NumPy for it"
        )
    found = [*(directory / name for name in RUNTIME), wheels[-1]]
    return {file.name: b64encode(gzip.compress(file.read_bytes(), mtime=0)).decode() for file in found}


def sources(folder: Traversable, path: str = package) -> dict[str, str]:
    """The Python files of the package by their paths."""
    found: dict[str, str] = {}
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            found |= sources(item, f"{path}/{item.name}")
        elif item.name.endswith(".py"):
            found[f"{path}/{item.name}"] = item.read_text(encoding="utf-8")
    return found

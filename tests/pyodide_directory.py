"""Makes the directory that `tinygrad-sig --page FILE --pyodide DIRECTORY` embeds: Pyodide, and NumPy's build for it.

    python tests/pyodide_directory.py DIRECTORY

It takes npm and pip, and about 110 MB of downloads. The runtime is npm's pyodide. NumPy's wheel for it is in no
registry by itself; the Python package open-webui carries it, and it is taken only if its hash is the one in Pyodide's
own lock file.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from hashlib import sha256
from pathlib import Path

from tinygrad_sig.live.page import RUNTIME, VERSION

CARRIER = "open-webui==0.12.4"  # It has the wheel that the lock file of this version of Pyodide names.


def make(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        npm = [shutil.which("npm") or "npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", work]
        subprocess.run([*npm, f"pyodide@{VERSION}"], check=True)
        for name in RUNTIME:
            shutil.copy(Path(work, "node_modules", "pyodide", name), directory)
        # The carrier asks for a certain Python; only its file is wanted, for whichever Python runs this.
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--ignore-requires-python"]
        subprocess.run([*pip, "--only-binary=:all:", "--dest", work, CARRIER], check=True)
        lock = json.loads((directory / "pyodide-lock.json").read_text(encoding="utf-8"))
        numpy = lock["packages"]["numpy"]
        with zipfile.ZipFile(next(Path(work).glob("open_webui-*.whl"))) as carrier:
            wheel = carrier.read(f"open_webui/frontend/pyodide/{numpy['file_name']}")
    if (found := sha256(wheel).hexdigest()) != numpy["sha256"]:
        raise SystemExit(f"{numpy['file_name']}: the hash is {found}, and Pyodide's lock file says {numpy['sha256']}")
    (directory / numpy["file_name"]).write_bytes(wheel)


if __name__ == "__main__":
    make(Path(sys.argv[1]))

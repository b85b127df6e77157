"""Files: written whole or not at all."""

import contextlib
import os
import tempfile
from pathlib import Path


def write(data: bytes, path: Path) -> None:
    """What is no regular file, such as a pipe, is written to; any other is replaced when all is there."""
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    path = Path(os.path.realpath(path))  # What a link points to is replaced, not the link, unless that is itself.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "wb") as file:
            file.write(data)
        os.umask(mask := os.umask(0))  # There is no other way to read it.
        os.chmod(name, path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~mask)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise

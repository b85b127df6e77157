"""The README's picture of the page: `python tests/browser/picture.py demos/pictures/page.png`, made through --page."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

SIZE = {"width": 1320, "height": 720}
LARGEST = 150_000


def main(target: str) -> None:
    from conftest import ARGUMENTS, chromium
    from playwright.sync_api import sync_playwright

    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder, "page.html")
        command = [sys.executable, "-m", "tinygrad_sig", "--page", str(file)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        page = browser.new_page(viewport=SIZE, reduced_motion="reduce")
        page.goto(file.as_uri())
        page.keyboard.press("End")
        for _ in range(5):
            page.keyboard.press("ArrowLeft")
        page.screenshot(path=target)
        browser.close()
    size = Path(target).stat().st_size
    if size > LARGEST:
        raise SystemExit(f"{target} has {size:,} bytes; make it smaller than {LARGEST:,}")
    print(f"drawn: {target}")


if __name__ == "__main__":
    main(sys.argv[1])

"""The browser of these tests: the system's Chromium, by Playwright, and a page in which nothing may go wrong.

Where either is missing the tests are skipped, and say so; with TINYGRAD_SIG_BROWSER=required they fail.
"""

import os
import shutil
from pathlib import Path

import pytest

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-component-update", "--disable-sync", "--no-first-run"]
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""


def missing(why):
    if os.environ.get("TINYGRAD_SIG_BROWSER") == "required":
        pytest.fail(why)
    pytest.skip(why)


def chromium():
    """Where the system's Chromium is, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def browser():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("the page is tested with the extra browser, which is not installed")
    if chromium() is None:
        missing("the page is tested in Chromium, which is not installed")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=chromium(), args=[*ARGUMENTS, "--disable-background-networking"]
        )
        yield opened
        opened.close()


@pytest.fixture
def show(browser, tmp_path):
    """Open a page's text as a file, in a window like this; at the end nothing may have gone wrong in it."""
    contexts, wrong, asked = [], [], []

    def show(text, width=1280, height=900, permissions=(), ready="#page .box", **settings):
        file = Path(tmp_path, f"page{len(contexts)}.html")
        file.write_text(text, encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": height}, **settings)
        context.grant_permissions(list(permissions))
        context.add_init_script(WATCH)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: (wrong.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        page.wait_for_selector(ready)
        return page

    yield show
    violations = [page.evaluate("window.violations") for context in contexts for page in context.pages]
    for context in contexts:
        context.close()
    assert wrong == []
    assert [found for found in violations if found] == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []

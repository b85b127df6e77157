"""What holds for every test: hypothesis times nothing, because slow machines are no bug, and leaves no files behind;
text is 100 columns wide, whatever the terminal that the tests run in.

Here is also the list of the short run, `pytest -m short`.
"""

import os
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

# Twenty seconds that tell most: the derivative of every row in every mode, the values of every composition, the walk,
# its trace, what one imports, the digits of σ, a network, what is refused, and the page that the command prints.
SHORT = (
    *(
        "tests/test_rules.py",
        "tests/test_compositions.py::test_values",
        "tests/test_backward.py",
        "tests/test_trace.py",
    ),
    *("tests/test_functional.py", "tests/test_define.py", "tests/test_sigmoid.py", "tests/test_nn.py"),
    *("tests/test_engine_errors.py", "tests/test_readme.py::test_the_main_job"),
)

settings.register_profile("tinygrad_sig", deadline=None, database=None)
settings.load_profile("tinygrad_sig")


def pytest_configure(config):
    os.environ["COLUMNS"] = "100"
    home = TemporaryDirectory()
    config.add_cleanup(home.cleanup)
    set_hypothesis_home_dir(home.name)


def pytest_collection_modifyitems(items):
    for item in items:
        if item.nodeid.startswith(SHORT) and "slow" not in item.keywords:
            item.add_marker("short")


@pytest.fixture
def call(capsys):
    """Run the command in this process; returns (exit code, stdout, stderr)."""
    from tinygrad_sig.__main__ import main

    def call(*arguments):
        try:
            code = main(arguments)
        except SystemExit as exit:
            code = exit.code
        return code or 0, *capsys.readouterr()

    return call

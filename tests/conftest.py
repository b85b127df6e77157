"""What holds for every test: hypothesis times nothing, because slow machines are no bug, and leaves no files behind."""

from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

settings.register_profile("tinygrad_sig", deadline=None, database=None)
settings.load_profile("tinygrad_sig")


def pytest_configure(config):
    home = TemporaryDirectory()
    config.add_cleanup(home.cleanup)
    set_hypothesis_home_dir(home.name)

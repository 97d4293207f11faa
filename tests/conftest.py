"""Fixtures for every test."""

import signal
from collections.abc import Iterator

import pytest

import tests.examples  # noqa: F401 (profiles, before pytest takes one of them)
from tests.command_line import Asymboot


@pytest.fixture(scope="session")
def asymboot() -> Asymboot:
    """Return the command line."""
    return Asymboot()


@pytest.fixture(autouse=True, scope="session")
def signals_are_heard() -> Iterator[None]:
    """Hear Ctrl-C and SIGHUP, which background jobs and nohup ignore: tests of signals would wait for ever."""
    ignored = [one for one in (signal.SIGINT, signal.SIGHUP) if signal.getsignal(one) is signal.SIG_IGN]
    for one in ignored:
        signal.signal(one, signal.default_int_handler if one == signal.SIGINT else signal.SIG_DFL)
    yield
    for one in ignored:
        signal.signal(one, signal.SIG_IGN)

"""A process that was written down counts as at work only while it is the same one, here, and alive."""

import os
import subprocess
import sys

import pytest

from assay.core.process import born, is_at_work, this_process


@pytest.fixture
def other():
    """Another living process."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def test_other_living_process_is_at_work(other):
    written = {**this_process(), "pid": other.pid, "born": born(other.pid)}
    assert is_at_work(written)
    assert not is_at_work({**written, "host": "elsewhere"})


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="the time of birth is read from /proc")  # noqa: PTH110
def test_number_given_to_a_new_process_is_told_by_its_birth(other):
    assert not is_at_work({**this_process(), "pid": other.pid, "born": born(other.pid) - 5})


def test_dead_process_is_not_at_work_even_as_a_zombie(other):
    written = {**this_process(), "pid": other.pid, "born": born(other.pid)}
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    assert not is_at_work(written)


@pytest.mark.parametrize("written", [None, {}, {"pid": "7"}, {**this_process(), "pid": -1}, this_process()])
def test_nobody_and_oneself_are_not_at_work(written):
    assert not is_at_work(written)

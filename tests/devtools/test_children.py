"""The demo's processes: how they fail, stop, and are cleaned up after a supervisor that was killed."""

import os
import signal
import subprocess
import sys
import time

import pytest

from amberflow.devtools import children, record
from amberflow.devtools.places import CHECKOUT, log_dir
from amberflow.devtools.processes import birth, command_line, group_members, wait_until_gone

FOREVER = "import time; print('up', flush=True); time.sleep(600)"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AMBERFLOW_HOME", str(tmp_path))
    log_dir().mkdir()
    return tmp_path


@pytest.fixture
def spawn():
    """Starts a Python program as a child of the demo; whatever is left is stopped after the test."""
    started = []

    def start(code, *words):
        child = children.spawn("test child", [sys.executable, "-c", code, *words], env=dict(os.environ))
        started.append(child)
        return child

    yield start
    for child in started:
        child.stop(seconds=1)


def wait_for_line(child, line):
    end = time.monotonic() + 10
    while line not in child.log.read_text():
        assert time.monotonic() < end, f"{line!r} never came"
        time.sleep(0.02)


def test_a_failure_names_the_process_its_status_and_the_end_of_its_log(spawn):
    child = spawn("import sys; print('no database here'); sys.exit(3)")
    child.process.wait(10)
    assert child.failure() == f"The test child ended with status 3.\n  {child.log}:\n    no database here"


def test_a_running_process_has_no_failure_and_stops_with_its_workers(spawn):
    child = spawn(f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {FOREVER!r}]); {FOREVER}")
    wait_for_line(child, "up\nup")
    group = group_members(child.process.pid)
    assert len(group) == 2
    assert child.failure() is None
    child.stop()
    assert wait_until_gone(group, seconds=1)


def test_a_process_that_ignores_the_polite_signal_is_killed(spawn):
    child = spawn(f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {FOREVER}")
    wait_for_line(child, "up")
    child.stop(seconds=0.2)
    assert child.process.returncode == -signal.SIGKILL


def test_a_step_that_fails_shows_the_end_of_its_log():
    with pytest.raises(
        children.ChildFailedError, match=r"(?s)migrate ended with status 2\..*migrate\.log:.*    broken"
    ):
        children.run("migrate", [sys.executable, "-c", "print('broken'); exit(2)"], env=dict(os.environ))


def test_output_is_shown_up_to_the_mark_and_returned_from_there(capsys):
    code = "print('step 1'); print('  Back office  here'); print('  Log-in  me')"
    words = [sys.executable, "-c", code]
    rest = children.run_on_screen("seed", words, env=dict(os.environ), until="  Back office")
    assert rest.split() == ["Back", "office", "here", "Log-in", "me"]
    assert capsys.readouterr().out == "step 1\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_child_dies_with_a_supervisor_that_is_killed():
    code = (
        "import os, sys; from amberflow.devtools.children import spawn; "
        f"child = spawn('orphan', [sys.executable, '-c', {FOREVER!r}], env=dict(os.environ)); "
        "print(child.process.pid, flush=True); import time; time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as supervisor:
        orphan = int(supervisor.stdout.readline())
        end = time.monotonic() + 10
        while "up" not in (log_dir() / "orphan.log").read_text():
            assert time.monotonic() < end
            time.sleep(0.02)
        supervisor.kill()
    assert wait_until_gone([orphan], seconds=5)


def test_what_a_killed_demo_left_is_stopped_by_the_next_one(spawn):
    child = spawn(FOREVER)
    wait_for_line(child, "up")
    record.remember("http://127.0.0.1:8000", [child])
    assert record.stop_orphans() == ["test child"]
    assert child.process.wait(5) == -signal.SIGTERM


def test_a_stranger_with_the_number_of_an_old_child_is_left_alone(spawn, home):
    child = spawn(FOREVER)
    wait_for_line(child, "up")
    record.remember("http://127.0.0.1:8000", [child])
    written = (home / "demo.json").read_text()
    (home / "demo.json").write_text(written.replace(birth(child.process.pid), "an earlier birth"))
    assert record.stop_orphans() == []
    assert command_line(child.process.pid)


def test_a_second_demo_is_told_about_the_first(spawn):
    with record.only_demo("http://127.0.0.1:8000"):
        record.remember("http://127.0.0.1:8000", [])
        with (
            pytest.raises(record.DemoRunsError, match=f"process {os.getpid()}.*kill {os.getpid()}"),
            record.only_demo("http://127.0.0.1:8000"),
        ):
            pass
    with record.only_demo("http://127.0.0.1:8000"):
        pass

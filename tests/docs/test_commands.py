"""Commands that the documents name exist, and so do the make targets and the scheduled tasks' functions."""

import re
from pathlib import Path

from django.core.management import get_commands
from django.utils.module_loading import import_string

from amberflow.schedules import SCHEDULED_TASKS

ROOT = Path(__file__).resolve().parents[2]
TEXT = "\n".join(page.read_text() for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))])


def test_management_commands_exist() -> None:
    named = set(re.findall(r"manage\.py (\w+)", TEXT)) - {"help"}
    assert len(named) > 8
    assert named <= set(get_commands())


def test_commands_in_the_table_of_scheduled_tasks_exist() -> None:
    rows = re.findall(r"^\| [^|]+ \| \d+ (?:min|h|day) \| ([^|]+) \|$", TEXT, re.M)
    assert len(rows) == len(SCHEDULED_TASKS)
    named = {command for row in rows for command in re.findall(r"`([a-z_]+)`", row)}
    assert named <= set(get_commands())


def test_scheduled_tasks_are_in_the_table_and_can_be_called() -> None:
    for task in SCHEDULED_TASKS:
        assert callable(import_string(task.function))
        every = re.search(rf"^\| {task.name} \| (\d+) (min|h|day) \|", TEXT, re.M)
        assert every is not None, task.name
        assert int(every[1]) * {"min": 1, "h": 60, "day": 1440}[every[2]] == task.minutes


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = {one or other for one, other in re.findall(r"`make ([a-z-]+)`|^make ([a-z-]+)", TEXT, re.M)}
    assert {"demo", "test", "help"} <= named <= targets

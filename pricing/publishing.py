"""What later apps add to the checks that a plan version must pass before it is published."""

from collections.abc import Callable
from typing import Any

PublishCheck = Callable[..., list[str]]
_checks: list[PublishCheck] = []


def add_publish_check(check: PublishCheck) -> None:
    """Have `check(version=…)` asked before each publication; what it returns are the problems, in sentences."""
    if check not in _checks:
        _checks.append(check)


def added_problems(*, version: Any) -> list[str]:
    """What the added checks found; empty when nothing keeps the version from being published."""
    return [problem for check in _checks for problem in check(version=version)]

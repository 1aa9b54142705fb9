"""Commands that read one JSON document a line and answer each with one."""

import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand

from amberflow.lib.exact_json import JsonError, dumps, loads


class JsonLinesCommand(BaseCommand):
    """Answers the documents on standard input in their order, each as soon as it is read.

    A line that can't be answered gets an error and the next ones go on. No database is used. Empty lines are left out.
    """

    requires_system_checks: list[str] = []
    answer: Callable[[Any], dict[str, Any]]
    # For tests; otherwise standard input.
    source: BinaryIO | None = None

    def handle(self, *args: Any, **options: Any) -> None:
        for line in self.source or sys.stdin.buffer:
            if line.strip():
                self._write(self._answer_to(line))
                self.stdout.flush()

    def _write(self, answer: dict[str, Any]) -> None:
        try:
            self.stdout.write(dumps(answer))
        except UnicodeEncodeError:
            # A terminal without these signs: JSON has escapes for them.
            self.stdout.write(dumps(answer, is_ascii=True))

    def _answer_to(self, line: bytes) -> dict[str, Any]:
        try:
            document = loads(line)
        except JsonError as error:
            return {"id": None, "error": str(error), "code": "json", "path": ""}
        return type(self).answer(document)

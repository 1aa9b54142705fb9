"""Runs several management commands in one process: `python -m amberflow.devtools.manage COMMAND … -- COMMAND …`.

Loading the project takes seconds; the demo needs five commands and loads it twice.
"""

import os
import sys
from collections.abc import Iterator, Sequence

from django.core.management import execute_from_command_line

SEPARATOR = "--"


def commands(words: Sequence[str]) -> Iterator[list[str]]:
    """The words of each command."""
    command: list[str] = []
    for word in [*words, SEPARATOR]:
        if word != SEPARATOR:
            command.append(word)
        elif command:
            yield command
            command = []


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "amberflow.settings")
    for words in commands(sys.argv[1:]):
        execute_from_command_line(["manage.py", *words])  # a command that fails ends the process

"""What the two commands that rate share: which periods to look at, and with how many processes."""

from argparse import ArgumentParser
from typing import Any

from invoicing.management.run_command import RunCommand


class RateCommand(RunCommand):
    """A run over what changed; `--all` over everything that is open."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--all", action="store_true", help="Every open period, whether it changed or not.")
        parser.add_argument("--workers", type=int, default=1, metavar="N", help="Processes that share the work (1).")

    def options(self, **options: Any) -> dict[str, Any]:
        return {"everything": options["all"], "workers": max(1, options["workers"])}

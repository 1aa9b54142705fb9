"""What customers would have paid under other terms."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from amberflow.lib.errors import DomainError
from amberflow.lib.exact_json import JsonError, loads
from rating.engine.simulate import Amounts
from rating.services.simulation import answer, totals

ROW = "{:<28}  {:>16}  {:>16}  {:>16}  {:>16}  {}"


class Command(BaseCommand):
    help = "Rate past periods once more under another plan version, price overrides or discounts. Writes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("start", help="First day; periods that begin from it on, like 2026-01-01.")
        parser.add_argument("end", help="The first day that no longer counts.")
        parser.add_argument("--customer", action="append", metavar="ID", help="External id; may be repeated.")
        parser.add_argument("--plan", metavar="CODE", help="Only customers on this plan.")
        parser.add_argument("--plan-version", metavar="CODE:NUMBER", help="Instead of the prices of their plan.")
        parser.add_argument("--override", action="append", metavar="FILE", help='JSON: {"key", "name", "price"}.')
        parser.add_argument("--discount", action="append", metavar="JSON", help="A discount document.")
        parser.add_argument("--lines", action="store_true", help="Show each line that changes.")
        parser.add_argument("--json", action="store_true", help="The whole answer as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            results = answer(request=_request(options))
        except DomainError as error:
            raise CommandError(f"{error.field}: {error.message}" if error.field else error.message) from error
        if options["json"]:
            self.stdout.write(json.dumps(results))
            return
        self.stdout.write(ROW.format("CUSTOMER", "BEFORE", "AFTER", "DIFFERENCE", "MARGIN AFTER", ""))
        for result in results:
            before, after = Amounts.from_json(result["before"]), Amounts.from_json(result["after"])
            self._write_row(result["customer"], before, after, result["currency"])
            if options["lines"]:
                self._write_lines(result)
            for problem in result["problems"]:
                self.stderr.write(f"  {problem['period']}: {problem['problem']}")
        for currency, (before, after) in totals(results).items():
            self._write_row("ALL TOGETHER", before, after, currency)

    def _write_row(self, name: str, before: Amounts, after: Amounts, currency: str) -> None:
        self.stdout.write(
            ROW.format(
                name[:28],
                f"{before.amount:,f}",
                f"{after.amount:,f}",
                f"{after.amount - before.amount:+,f}",
                f"{after.margin:,.2f}",
                currency,
            )
        )

    def _write_lines(self, result: dict[str, Any]) -> None:
        for period in result["periods"]:
            for line in period["lines"]:
                if line["difference"] != "0":
                    self.stdout.write(
                        ROW.format(
                            f"  {period['period'][:10]} {line['key']}"[:28],
                            line["before"]["amount"],
                            line["after"]["amount"],
                            line["difference"],
                            "",
                            "",
                        )
                    )


def _request(options: dict[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = {"start": options["start"], "end": options["end"], "plan": options["plan"]}
    if options["customer"]:
        request["customers"] = options["customer"]
    if options["plan_version"]:
        code, _, number = options["plan_version"].partition(":")
        if not number.isdigit():
            raise CommandError(f"--plan-version {options['plan_version']!r}: write it like pro:2.")
        request["plan_version"] = {"plan": code, "number": int(number)}
    request["overrides"] = [_read(Path(name).read_text(), "--override") for name in options["override"] or ()]
    request["discounts"] = [_read(text, "--discount") for text in options["discount"] or ()]
    return request


def _read(text: str, option: str) -> Any:
    try:
        return loads(text)
    except JsonError as error:
        raise CommandError(f"{option}: {error}") from error

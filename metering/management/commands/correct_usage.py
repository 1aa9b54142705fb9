import argparse
import getpass
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from amberflow.lib.errors import DomainError
from metering.corrections.request import WINDOW_FIELDS, read_names, read_replacements, read_window
from metering.corrections.selection import Window, find_keys
from metering.corrections.show import effect_lines
from metering.ingest.canonical import BodyError, decode_json
from metering.ingest.dialects import native
from metering.models import CorrectionRun
from metering.services.backfill_usage import MOST_AT_ONCE, BackfillRefusedError, backfill_usage, void_window
from metering.services.correct_events import Corrected, replace_events, void_events
from metering.services.merge_usage import merge_usage
from metering.services.preview_correction import MOST_PREVIEWED, preview_correction

SHOWN_REFUSED = 20

Correct = Callable[[str, int, bool], Corrected]


class Command(BaseCommand):
    help = (
        "Void, replace or backfill usage. Without --apply it says what would change, and changes nothing. Repeating it "
        "changes nothing more; cut off, it goes on where it stood."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, parser_class=argparse.ArgumentParser)
        void = actions.add_parser("void", help="Take events out of usage: by --id, or all of a window.")
        void.add_argument("--id", action="append", default=[], help="An event's id; may be repeated.")
        void.add_argument("--source", help="The source that the ids are of; native if events carry none.")
        replace = actions.add_parser("replace", help="Count other events in the place of some.")
        replace.add_argument(
            "file", type=Path, help='A line of JSON each: {"id", "customer", "source"?, "event": {"properties": …}}.'
        )
        backfill = actions.add_parser(
            "backfill", help="Send usage of the past; with --from and --to in place of theirs."
        )
        backfill.add_argument("file", type=Path, help="An event in the native format each line, with its time.")
        for action in (void, backfill):
            action.add_argument("--customer", help="External id of the customer.")
            action.add_argument("--type", help="Code of an event type; otherwise all.")
            action.add_argument("--from", help="First day of the customer, or an instant with an offset.")
            action.add_argument("--to", help="Day or instant that is not included any more.")
            action.add_argument("--filter", action="append", default=[], help="DIMENSION=VALUE; may be repeated.")
        for action in (void, replace, backfill):
            action.add_argument("--reason", default="", help="Why, for whoever reads the history.")
            how = action.add_mutually_exclusive_group()
            how.add_argument("--apply", action="store_true", help="Do it.")
            how.add_argument("--dry-run", action="store_true", help="Say what would change (the default).")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._run(getattr(self, f"_{options['action']}")(options), options)
        except BackfillRefusedError as error:
            for index, each in list(error.refused.items())[:SHOWN_REFUSED]:
                self.stderr.write(f"event {index} ({each.event_id or 'no id'}): {each.code}: {each.message}")
            raise CommandError(f"{len(error.refused)} events can't be sent; nothing was changed.") from None
        except DomainError as error:
            raise CommandError(f"{error.field}: {error.message}" if error.field else error.message) from None

    def _run(self, correct: Correct, options: Mapping[str, Any]) -> None:
        if not options["apply"]:
            reason = options["reason"] or "dry run"
            for line in effect_lines(preview_correction(lambda: correct(reason, MOST_PREVIEWED, False))):
                self.stdout.write(line)
            self.stdout.write("Dry run: nothing was changed. Do it with --apply and a --reason.")
            return
        done = correct(options["reason"], MOST_AT_ONCE, True)
        if done.run is None:
            self.stdout.write(f"Nothing to do: {done.already:,} events were voided before.")
            return
        merge_usage()
        self._report(done.run)

    def _report(self, run: CorrectionRun) -> None:
        self.stdout.write(f"{run}: {run.voided:,} events voided.")
        if run.to_send or run.accepted:
            self.stdout.write(
                f"{run.accepted:,} sent and accepted, {run.duplicates:,} duplicates, {run.rejected:,} rejected."
            )

    def _void(self, options: Mapping[str, Any]) -> Correct:
        if not options["id"]:
            window = self._window(options)
            return lambda reason, at_once, wait: void_window(
                window=window, reason=reason, made_by=_by(), wait=wait, at_once=at_once
            )
        if options["from"] or options["to"] or options["type"] or options["filter"]:
            raise CommandError("Give either --id or --from and --to with --type and --filter, not both.")
        names = [{"id": each, "customer": options["customer"], "source": options["source"]} for each in options["id"]]
        keys = find_keys(read_names(names, field="events"), field="events")
        return lambda reason, at_once, wait: void_events(keys=keys, reason=reason, made_by=_by())

    def _replace(self, options: Mapping[str, Any]) -> Correct:
        replacements = read_replacements(_lines(options["file"]), field="events")
        return lambda reason, at_once, wait: replace_events(replacements=replacements, reason=reason, made_by=_by())

    def _backfill(self, options: Mapping[str, Any]) -> Correct:
        batch = native.decode_items(_lines(options["file"]))
        window = self._window(options) if any(options[name] for name in ("customer", "from", "to", "type")) else None
        return lambda reason, at_once, wait: backfill_usage(
            events=batch.events,
            rejections=batch.rejections,
            reason=reason,
            made_by=_by(),
            replaces=window,
            wait=wait,
            at_once=at_once,
        )

    def _window(self, options: Mapping[str, Any]) -> Window:
        chosen: dict[str, list[str]] = {}
        for text in options["filter"]:
            name, equals, value = text.partition("=")
            if not equals:
                raise CommandError(f"--filter {text!r} is not DIMENSION=VALUE.")
            chosen.setdefault(name, []).append(value)
        given = {name: options.get(name) for name in WINDOW_FIELDS - {"filter"}}
        return read_window({**given, "filter": chosen})


def _lines(path: Path) -> list[Any]:
    try:
        texts = path.read_bytes().splitlines()
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}.") from None
    items = []
    for number, text in enumerate(texts, start=1):
        if text.strip():
            try:
                items.append(decode_json(text))
            except BodyError as error:
                raise CommandError(f"{path}, line {number}: {error}") from None
    return items


def _by() -> str:
    try:
        return f"{getpass.getuser()}, manage.py correct_usage"
    except (KeyError, OSError):
        return "manage.py correct_usage"

import argparse
import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from amberflow.lib.errors import DomainError
from metering.models import DimensionChange, EventType
from metering.services.change_dimensions import count_dimensions
from rating.services.change_dimensions import change_event_type_dimensions, removal_uses, usage_to_follow


class Command(BaseCommand):
    help = (
        "Add dimensions to an event type or take some away, for all usage that is not invoiced. Without --apply it "
        "says what would happen. Repeating it, or --resume, goes on where it was cut off."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("event_type", help="Code of the event type.")
        parser.add_argument("--add", action="append", default=[], metavar="NAME", help="May be repeated.")
        parser.add_argument("--remove", action="append", default=[], metavar="NAME", help="May be repeated.")
        parser.add_argument(
            "--again", action="store_true", help="Count by the dimensions that there are, after a limit was raised."
        )
        parser.add_argument("--resume", action="store_true", help="Only finish a change that was cut off.")
        parser.add_argument("--apply", action="store_true", help="Do it.")

    def handle(self, *args: Any, **options: Any) -> None:
        kind = EventType.objects.filter(code=options["event_type"]).first()
        if kind is None:
            raise CommandError(f"event_type {options['event_type']!r}: no event type has this code.")
        change = DimensionChange.objects.filter(event_type=kind, moved_at=None).first()
        if change is None and options["resume"]:
            self.stdout.write("Nothing to finish.")
            return
        try:
            if change is None:
                change = self._change(kind, options)
        except DomainError as error:
            raise CommandError(error.message) from None
        if change is not None:
            self._finish(change)

    def _change(self, kind: EventType, options: dict[str, Any]) -> DimensionChange | None:
        for name in options["remove"]:
            if name not in kind.dimensions:
                raise CommandError(f"--remove {name!r}: {kind} has {', '.join(kind.dimensions) or 'no dimensions'}.")
        kept = [name for name in kind.dimensions if name not in options["remove"]]
        names = kept + [name for name in options["add"] if name not in kept]
        now = timezone.now()
        if options["apply"]:
            return change_event_type_dimensions(
                event_type_id=kind.pk, dimensions=names, made_by=_by(), now=now, again=options["again"]
            )
        usage = usage_to_follow(event_type_id=kind.pk)
        self.stdout.write(
            f"{kind}: dimensions {', '.join(kind.dimensions) or 'none'} become {', '.join(names) or 'none'}. "
            f"{usage.events:,} events of {usage.customers:,} customers are not invoiced and are counted anew."
        )
        for use in removal_uses(kind=kind, dimensions=names, now=now):
            self.stdout.write(f"Not possible while there is {use}.")
        self.stdout.write("Nothing was changed. Do it with --apply.")
        return None

    def _finish(self, change: DimensionChange) -> None:
        self.stdout.write(f"{change}: from {change.read:,} of about {change.expected:,} events on.")
        count_dimensions(
            change_id=change.pk,
            progress=lambda now: self.stdout.write(
                f"  {now.read:,} of about {now.expected:,} events, {now.moved:,} moved"
            ),
        )
        change.refresh_from_db()
        if change.moved_at is None:
            raise CommandError("A correction by dimension values is under way: repeat this when it is done.")
        self.stdout.write(f"{change.read:,} events read, {change.moved:,} moved to other series.")
        if change.too_many:
            self.stdout.write(
                f"{change.too_many:,} kept their series, because their customer would have too many "
                "(SERIES_MAX_VALUES, SERIES_MAX_PER_CUSTOMER): raise the limit, then repeat with --again."
            )
        if change.without_payload:
            self.stdout.write(f"{change.without_payload:,} kept their series, because what was sent is no longer kept.")
        if change.unreadable:
            self.stdout.write(f"{change.unreadable:,} have a property that is no dimension's value, and count without.")


def _by() -> str:
    try:
        return f"{getpass.getuser()}, manage.py change_dimensions"
    except (KeyError, OSError):
        return "manage.py change_dimensions"

"""Loads usage from a file through the same door as the HTTP API."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from amberflow.lib.errors import DomainError
from metering.imports.lines import Line, file_digest, read_lines
from metering.imports.mapping import read_mapping
from metering.ingest.canonical import DecodedBatch, EventError
from metering.ingest.dialects import native
from metering.ingest.results import EventResult
from metering.models import UsageImport
from metering.retention.kept import refuse_dropped
from metering.services.ingest_events import ingest_events
from metering.services.merge_usage import merge_usage

LINES_PER_BATCH = 5_000
SOURCE = "import"
RejectedLine = tuple[int, EventResult]


@dataclass(slots=True)
class ImportSummary:
    """What a run did. `skipped` data lines were done by an earlier run of the same import."""

    skipped: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    rejected_lines: list[RejectedLine] = field(default_factory=list)

    @property
    def lines(self) -> int:
        """Data lines that this run read."""
        return sum(self.counts.values())


def import_usage(
    *,
    path: Path,
    mapping_path: Path,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda lines: None,
) -> ImportSummary:
    """Count the events of a CSV file, batch by batch; `progress` is told how many data lines are done.

    An import that was cut off goes on after its last complete batch; one that was finished may be repeated and
    finds only duplicates. `dry_run` reads everything and keeps nothing.
    Raises MappingError, FileError, and DomainError when the same import runs elsewhere.
    """
    mapping = read_mapping(mapping_path)
    lines = read_lines(path, mapping)
    if dry_run:
        summary = ImportSummary()
        with transaction.atomic():
            _load(lines, summary, None, progress)
            transaction.set_rollback(True)
        return summary
    record, _ = UsageImport.objects.get_or_create(
        digest=file_digest(path, mapping_path), defaults={"file_name": path.name[:255]}
    )
    unfinished = record if record.finished_at is None else None
    summary = ImportSummary(skipped=0 if unfinished is None else sum(1 for _ in islice(lines, unfinished.lines)))
    _load(lines, summary, unfinished, progress)
    if unfinished is not None:
        UsageImport.objects.filter(pk=record.pk).update(finished_at=timezone.now())
    merge_usage()
    return summary


def _load(
    lines: Iterator[Line], summary: ImportSummary, record: UsageImport | None, progress: Callable[[int], None]
) -> None:
    while batch := list(islice(lines, LINES_PER_BATCH)):
        # The events of a batch and the note that it is done are committed together.
        with transaction.atomic() if record is not None else nullcontext():
            results = _ingest(batch)
            counts: Counter[str] = Counter(result.status for result in results)
            if record is not None:
                _note(record, summary.skipped + summary.lines, len(batch), counts)
        summary.counts += counts
        summary.rejected_lines += [
            (line.number, result) for line, result in zip(batch, results, strict=True) if result.status == "rejected"
        ]
        progress(summary.skipped + summary.lines)


def _ingest(batch: Sequence[Line]) -> Sequence[EventResult]:
    decoded = native.decode_items(line.item for line in batch)
    problems = {index: line.problem for index, line in enumerate(batch) if line.problem}
    rejections = [
        native.rejection(rejection.index, EventError("wrong_columns", "", problem), batch[rejection.index].item)
        if (problem := problems.get(rejection.index))
        else rejection
        for rejection in decoded.rejections
    ]
    received_at = timezone.now()
    kept = refuse_dropped(DecodedBatch(decoded.events, rejections), received_at=received_at)
    return ingest_events(
        events=kept.events, rejections=kept.rejections, source=SOURCE, api_key=None, received_at=received_at
    ).events


def _note(record: UsageImport, done_before: int, lines: int, counts: Counter[str]) -> None:
    stored = UsageImport.objects.select_for_update().get(pk=record.pk)
    if stored.lines != done_before:
        raise DomainError(
            "import_running",
            f"{stored.file_name} is being imported by another process, which is at line {stored.lines}; wait for it.",
        )
    stored.lines += lines
    stored.accepted += counts["accepted"]
    stored.duplicates += counts["duplicate"]
    stored.rejected += counts["rejected"]
    stored.save(update_fields=["lines", "accepted", "duplicates", "rejected"])


def rejection_summary(rejected: Iterable[RejectedLine]) -> dict[str, list[RejectedLine]]:
    """The rejected lines by reason, the most frequent reason first."""
    by_code: dict[str, list[RejectedLine]] = {}
    for line in rejected:
        by_code.setdefault(line[1].code, []).append(line)
    return dict(sorted(by_code.items(), key=lambda pair: -len(pair[1])))

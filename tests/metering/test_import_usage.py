"""`import_usage`: exact, resumable, idempotent, with reasons by line."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from metering.imports.lines import read_lines
from metering.imports.mapping import MappingError, parse_mapping
from metering.models import Event, RejectedEvent, UsageDay, UsageImport
from metering.queries import event_payload
from metering.services import import_usage as service
from tests.factories import CustomerFactory, EventTypeFactory

MAPPING = {
    "customer": {"column": "who"},
    "type": {"value": "llm_call"},
    "time": {"column": "when", "timezone": "Europe/Berlin"},
    "properties": {"model": {"value": "m"}, "input_tokens": {"column": "in"}, "output_tokens": {"column": "out"}},
}
HEADER = "when,who,in,out\n"


@pytest.fixture
def files(tmp_path):
    """Writes a file and a mapping, and gives their paths."""

    def write(text, mapping=MAPPING):
        path, mapping_path = tmp_path / "usage.csv", tmp_path / "mapping.json"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        mapping_path.write_text(json.dumps(mapping))
        return path, mapping_path

    return write


@pytest.fixture
def acme(db):
    EventTypeFactory(code="llm_call", dimensions=["model"])
    return CustomerFactory(external_id="acme")


def run(files, *options):
    out = StringIO()
    call_command("import_usage", str(files[0]), "--mapping", str(files[1]), *options, stdout=out)
    return out.getvalue()


def numbered(count, start=0):
    return "".join(f"2026-03-01 12:00:{n:02},acme,{n},1\n" for n in range(start, start + count))


@pytest.mark.usefixtures("acme")
def test_a_file_is_counted_exactly(files):
    text = (
        b"\xef\xbb\xbfwhen,who,in,out\r\n"
        b'2026-03-29 01:59:59.9999999,acme,"10",1\r\n'
        b"\r\n"
        b"2026-03-29T03:00:00+02:00, acme ,20,\r\n"
    )
    assert "2 lines: 2 accepted, 0 duplicate, 0 rejected." in run(files(text))

    first, second = Event.objects.order_by("key")
    assert first.occurred_at == datetime(2026, 3, 29, 0, 59, 59, 999999, tzinfo=UTC)
    assert (first.uncached_input, first.visible_output) == (10, 1)
    assert second.occurred_at == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert (second.uncached_input, second.visible_output) == (20, None)
    assert event_payload(first)["source"] == "import"
    assert UsageDay.objects.get().uncached_input == Decimal(30)


@pytest.mark.usefixtures("acme")
def test_importing_twice_changes_nothing(files):
    written = files(HEADER + numbered(3))
    run(written)
    record = UsageImport.objects.values().get()
    before = list(UsageDay.objects.values())

    assert "3 lines: 0 accepted, 3 duplicate, 0 rejected." in run(written)
    assert UsageImport.objects.values().get() == record
    assert list(UsageDay.objects.values()) == before
    assert (record["lines"], record["accepted"], record["finished_at"] is not None) == (3, 3, True)


@pytest.mark.usefixtures("acme")
def test_equal_lines_are_separate_calls_and_a_longer_file_adds_its_new_ones(files):
    line = "2026-03-01 12:00:00,acme,5,1\n"
    assert "2 accepted" in run(files(HEADER + line * 2))
    assert "1 accepted, 2 duplicate" in run(files(HEADER + line * 3))


@pytest.mark.usefixtures("acme")
def test_the_same_lines_under_another_mapping_are_not_billed_again(files):
    run(files(HEADER + numbered(2)))
    changed = {**MAPPING, "properties": {**MAPPING["properties"], "model": {"value": "other"}}}
    assert "id_conflict: 2" in run(files(HEADER + numbered(2), changed))
    assert Event.objects.count() == 2


@pytest.mark.usefixtures("acme")
def test_bad_lines_are_named_with_their_reasons_and_the_others_count(files):
    text = (
        HEADER
        + numbered(1)
        + "2026-03-01 12:00:00,nobody,1,1\n"
        + "yesterday,acme,1,1\n"
        + "2026-03-01 12:00:00,acme,many,1\n"
        + '2026-03-01 12:00:00,,"1",1\n'
        + '2026-03-01 12:00:00,"two\nlines",1,1\n'
        + "2026-03-01 12:00:00,acme,1\n"
        + numbered(1, start=1)
    )
    shown = run(files(text))

    assert "8 lines: 2 accepted, 0 duplicate, 6 rejected." in shown
    assert "unknown_customer: 2\n  line 3: customer 'nobody' is not known" in shown
    assert "  line 7: customer 'two\\nlines' is not known" in shown
    assert "invalid_time: 1\n  line 4: time 'yesterday'" in shown
    assert "invalid_tokens: 1\n  line 5: input_tokens 'many'" in shown
    assert "missing_customer: 1\n  line 6: customer is missing" in shown
    assert "wrong_columns: 1\n  line 9: The line has 3 cells, the first line names 4 columns." in shown
    assert RejectedEvent.objects.filter(source="import").count() == 6
    assert UsageImport.objects.get().rejected == 6


@pytest.mark.usefixtures("acme")
def test_a_dry_run_says_what_would_happen_and_keeps_nothing(files):
    shown = run(files(HEADER + numbered(2) + "2026-03-01 12:00:00,nobody,1,1\n"), "--dry-run")
    assert "3 lines: 2 accepted, 0 duplicate, 1 rejected." in shown
    assert "nothing was kept" in shown
    assert [table.objects.count() for table in (Event, RejectedEvent, UsageImport)] == [0, 0, 0]


@pytest.mark.usefixtures("acme")
def test_an_import_that_was_cut_off_goes_on_where_it_stood(files, monkeypatch):
    written = files(HEADER + numbered(10))
    monkeypatch.setattr(service, "LINES_PER_BATCH", 4)
    ingest = service._ingest
    calls = []

    def cut_off(batch):
        calls.append(len(batch))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return ingest(batch)

    monkeypatch.setattr(service, "_ingest", cut_off)
    with pytest.raises(KeyboardInterrupt):
        run(written)
    assert (UsageImport.objects.get().lines, Event.objects.count()) == (8, 8)

    shown = run(written)
    assert "8 lines were done before and skipped." in shown
    assert "2 lines: 2 accepted, 0 duplicate, 0 rejected." in shown
    assert calls == [4, 4, 2, 2]
    record = UsageImport.objects.get()
    assert (record.lines, record.accepted, record.duplicates) == (10, 10, 0)
    assert record.finished_at is not None
    assert Event.objects.count() == 10


@pytest.mark.usefixtures("acme")
def test_the_same_import_does_not_run_beside_itself(files, monkeypatch):
    monkeypatch.setattr(service, "LINES_PER_BATCH", 4)
    ingest = service._ingest

    def overtaken(batch):
        UsageImport.objects.update(lines=4)
        return ingest(batch)

    monkeypatch.setattr(service, "_ingest", overtaken)
    with pytest.raises(CommandError, match=r"usage\.csv is being imported by another process, which is at line 4"):
        run(files(HEADER + numbered(10)))
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    ("spec", "text", "expected"),
    [
        ({}, "2023-11-16 18:15:46.6805900+00:00", "2023-11-16T18:15:46.680590+00:00"),
        ({"timezone": "UTC"}, "2023-11-16 18:15:46.6805900", "2023-11-16T18:15:46.680590+00:00"),
        ({"timezone": "America/New_York"}, "2023-07-01", "2023-07-01T00:00:00-04:00"),
        (
            {"format": "%d.%m.%Y %H:%M:%S.%f", "timezone": "UTC"},
            "16.11.2023 18:15:46.6805904",
            "2023-11-16T18:15:46.680590+00:00",
        ),
        ({"format": "%d/%b/%Y:%H:%M:%S %z"}, "16/Nov/2023:18:15:46 +0100", "2023-11-16T18:15:46+01:00"),
        ({"format": "epoch_s"}, "1700158546.680590", "2023-11-16T18:15:46.680590+00:00"),
        ({"format": "epoch_s"}, "1700158546", "2023-11-16T18:15:46+00:00"),
        ({"format": "epoch_ms"}, "1700158546680.59", "2023-11-16T18:15:46.680590+00:00"),
        ({"format": "epoch_s"}, "1" * 30, "1" * 30),
        ({}, "2023-11-16 18:15:46", "2023-11-16T18:15:46"),
        ({}, "soon", "soon"),
    ],
)
def test_times_are_read_as_the_mapping_says(files, spec, text, expected):
    mapping = parse_mapping({**MAPPING, "time": {"column": "when", **spec}})
    path, _ = files(HEADER + f'"{text}",acme,1,1\n')
    (line,) = read_lines(path, mapping)
    assert line.item["time"] == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"customer": None}, r"customer must be \{column: …\} or \{value: …\}"),
        ({"customer": {"column": "a", "value": "b"}}, "customer must be"),
        ({"customer": {"value": 0.5}}, r"customer\.value 0\.5 must be a text"),
        ({"customer": {"column": "a", "default": "b"}}, r"customer\.default is not known"),
        ({"subject": {"column": "a"}}, "subject is not known; use id, customer"),
        ({"properties": [1]}, "properties must be an object"),
        ({"properties": {"x": "column"}}, r"properties\.x must be"),
        ({"time": {"column": "a", "format": "DD.MM"}}, r"time\.format 'DD\.MM' must be"),
        ({"time": {"column": "a", "timezone": "Berlin"}}, r"time\.timezone 'Berlin' is not"),
        ({"delimiter": "tab"}, "delimiter 'tab' must be one character"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(changes, message):
    with pytest.raises(MappingError, match=message):
        parse_mapping({**MAPPING, **changes})


@pytest.mark.parametrize("missing", ["customer", "type"])
def test_a_mapping_names_customer_and_type(missing):
    with pytest.raises(MappingError, match=f"{missing} is missing"):
        parse_mapping({name: spec for name, spec in MAPPING.items() if name != missing})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "has no column in, out, when, who; its first line names nothing"),
        (b"when,who,in\n", "has no column out; its first line names when, who, in"),
        (HEADER.encode() + b'"2026', "line 2: unexpected end of data; quote the cell"),
        (HEADER.encode() + b"\xff,a,1,1", "is not UTF-8"),
    ],
)
@pytest.mark.usefixtures("acme")
def test_a_file_that_cannot_be_read_is_refused(files, text, message):
    with pytest.raises(CommandError, match=message):
        run(files(text))


@pytest.mark.usefixtures("acme")
def test_files_that_are_not_there_are_named(files, tmp_path):
    path, mapping = files(HEADER)
    with pytest.raises(CommandError, match=r"nothing\.csv: No such file"):
        run((tmp_path / "nothing.csv", mapping))
    with pytest.raises(CommandError, match=r"nothing\.yaml: No such file"):
        run((path, tmp_path / "nothing.yaml"))
    mapping.write_text("{:")
    with pytest.raises(CommandError, match="is not YAML or JSON"):
        run((path, mapping))

"""The two commands that answer JSON documents line by line, without a database."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from pricing.management.commands import billing_periods, price_preview

ROOT = Path(__file__).resolve().parents[3]
PRICE = {"model": "per_unit", "currency": "USD", "unit_price": "0.1"}
PERIOD = {"cycle": "calendar", "interval": "month", "timezone": "UTC"}


def run(command, lines):
    command.source = io.BytesIO(b"\n".join(lines))
    out = io.StringIO()
    call_command(command, stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_each_line_is_answered_in_order_and_a_bad_one_stops_nothing():
    lines = [
        json.dumps({"id": "a", "price": PRICE, "quantity": "3"}).encode(),
        b"{not json",
        b"",
        b'{"id": [1], "price": {"model": "per_unit", "currency": "USD", "unit_price": 0.1}, "quantity": 1e3}\r',
        b"\xff",
        b"7",
        json.dumps({"id": 2, "price": {**PRICE, "tiers": [{"up_to": "5"}]}, "quantity": "3"}).encode(),
    ]
    answers = run(price_preview.Command(), lines)
    assert [(answer["id"], answer.get("amount"), answer.get("path")) for answer in answers] == [
        ("a", "0.3", None),
        (None, None, ""),
        ([1], "100", None),
        (None, None, ""),
        (None, None, ""),
        (2, None, "price.tiers[0].up_to"),
    ]
    assert [answer.get("code") for answer in answers] == [None, "json", None, "json", "type", "tier_not_open"]
    assert answers[-1]["error"].startswith("price.tiers[0].up_to: the last tier ends at 5; make it null")


def test_billing_periods():
    lines = [
        json.dumps({"id": 1, **PERIOD, "on": "2024-02-29"}).encode(),
        json.dumps({"id": 2, **PERIOD, "on": "2024-02-30"}).encode(),
    ]
    good, bad = run(billing_periods.Command(), lines)
    assert good == {
        "id": 1,
        "start": "2024-02-01",
        "end": "2024-03-01",
        "start_utc": "2024-02-01T00:00:00Z",
        "end_utc": "2024-03-01T00:00:00Z",
    }
    assert (bad["id"], bad["code"], bad["path"]) == (2, "date", "on")
    assert bad["error"].startswith("on: '2024-02-30' is neither a date nor an instant; write it like 2026-01-31")


class Terminal(io.StringIO):
    """One that can't show every sign."""

    def write(self, text):
        text.encode("ascii")
        return super().write(text)


def test_a_terminal_without_the_signs_gets_escapes():
    command = price_preview.Command()
    command.source = io.BytesIO(json.dumps({"id": "é", "price": PRICE, "quantity": "3"}).encode())
    out = Terminal()
    call_command(command, stdout=out)
    assert "\\u00d7" in out.getvalue()
    assert json.loads(out.getvalue())["id"] == "é"


@pytest.mark.parametrize("command", ["price_preview", "billing_periods"])
def test_no_database_is_needed_and_an_answer_comes_before_the_next_line(command, tmp_path):
    document = {"id": 1, "price": PRICE, "quantity": 1, **PERIOD, "on": "2024-02-29"}
    wanted = ("price", "quantity") if command == "price_preview" else (*PERIOD, "on")
    line = json.dumps({field: document[field] for field in ("id", *wanted)}) + "\n"
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # A home without a database server in it.
        env={**os.environ, "AMBERFLOW_HOME": str(tmp_path), "DJANGO_SETTINGS_MODULE": "amberflow.settings"},
    )
    for _ in range(2):
        process.stdin.write(line)
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        assert (answer["id"], "error" in answer) == (1, False)
    process.stdin.close()
    assert process.stdout.read() == ""
    assert process.wait(timeout=60) == 0
    process.stdout.close()

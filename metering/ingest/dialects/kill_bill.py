"""Kill Bill's usage: the records of one subscription, all or nothing, known by `trackingId`.

Each record is an event of the type that `unitType` names, with its `amount`.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from amberflow.api import Problem
from metering.ingest.canonical import (
    ID_LENGTH,
    TYPE_LENGTH,
    BodyError,
    CanonicalEvent,
    DecodedBatch,
    EventError,
    check_text,
    decode_json,
    read_optional_text,
    read_text,
    require_object,
)
from metering.ingest.dialect import Answer, Dialect, UsageRequest, json_answer
from metering.ingest.dialects import native
from metering.ingest.items import as_native, made_up_id, read_required_utc
from metering.ingest.results import IngestResult

NAMES = {"id": "id", "subscriptionId": "customer", "unitType": "type", "recordDate": "time"}
# At this hour of UTC it is the same date from Hawaii to New Zealand.
HOUR_OF_DATES = time(10, 30, tzinfo=UTC)
_TRACKING_ID_EXISTS = 50000
_EXCEPTION = "org.killbill.billing.usage.api.UsageApiException"


class KillBillDialect(Dialect):
    """Kill Bill's `POST /1.0/kb/usages`."""

    name = "killbill"
    label = "Kill Bill"
    routes = ("1.0/kb/usages",)
    strict = True
    all_or_nothing = True
    schema = {"exclude": True}

    def decode(self, request: UsageRequest) -> DecodedBatch:
        try:
            usage = require_object(decode_json(request.body))
            tracking = read_optional_text(usage, "trackingId")
            subscription = read_text(usage, "subscriptionId")
        except EventError as error:
            raise BodyError(error.message, code=error.code, field=error.field) from None
        items = [
            {**record, "id": f"{tracking}:{index}" if tracking else None, "subscriptionId": subscription}
            for index, record in enumerate(_records(usage))
        ]
        return native.decode_each(items, _event, as_native(self.name, NAMES, instant=_instant))

    def refused_as_a_whole(self, batch: DecodedBatch) -> Problem | None:
        if not batch.rejections:
            return None
        first = batch.rejections[0]
        return Problem(400, first.code, f"Record {first.index}: {first.message} Nothing was taken.", first.field)

    def answer(self, request: UsageRequest, batch: DecodedBatch, result: IngestResult) -> Answer:
        known = next((each for each in result.events if each.is_known), None)
        if known is not None:
            tracking = known.event_id.rpartition(":")[0]
            message = f"A usage record with tracking ID {tracking} already exists"
            return _exception(400, message, _TRACKING_ID_EXISTS)
        wrong = next((each for each in result.events if each.status == "rejected" and not each.is_waiting), None)
        if wrong is not None:
            return self.problem(request, Problem(400, wrong.code, f"{wrong.message} Nothing was counted.", wrong.field))
        return Answer(201)

    def problem(self, request: UsageRequest, problem: Problem) -> Answer:
        return _exception(problem.status, problem.message, None, problem.headers())


def _exception(status: int, message: str, code: int | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    document: dict[str, Any] = {"className": _EXCEPTION, "code": code, "message": message, "stackTrace": []}
    return json_answer(document, status=status, headers=headers)


def _records(usage: Mapping[str, Any]) -> list[dict[str, Any]]:
    records = []
    for unit in _objects(usage, "unitUsageRecords"):
        records += [{**record, "unitType": unit.get("unitType")} for record in _objects(unit, "usageRecords")]
    return records


def _objects(owner: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    values = owner.get(name)
    if not isinstance(values, list) or not values or not all(isinstance(value, dict) for value in values):
        raise BodyError(f"{name} must be an array of objects with at least one.", field=name)
    return values


def _event(item: Mapping[str, Any]) -> CanonicalEvent:
    if item.get("amount") is None:
        raise EventError("missing_amount", "amount", "amount is missing: each record needs it.")
    return CanonicalEvent(
        source=KillBillDialect.name,
        event_id=check_text(item["id"] or made_up_id(), "trackingId", max_length=ID_LENGTH),
        customer=read_text(item, "subscriptionId"),
        type=read_text(item, "unitType", max_length=TYPE_LENGTH),
        occurred_at=_instant(item.get("recordDate"), "recordDate"),
        properties={"amount": item["amount"]},
    )


def _instant(value: Any, name: str) -> datetime:
    """A date, or an instant. Raises EventError."""
    if isinstance(value, str) and len(value) == len("2026-01-31"):
        try:
            return datetime.combine(date.fromisoformat(value), HOUR_OF_DATES)
        except ValueError:
            pass
    return read_required_utc(value, name)

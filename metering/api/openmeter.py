"""What OpenMeter's clients read: the meters, and what they measured. The numbers are those of `GET /api/v1/usage`."""

import csv
import io
from ast import literal_eval
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from django.db.models.fields.json import KeyTextTransform
from django.http import HttpResponse, QueryDict
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from amberflow.api import PROBLEM, ProblemError
from amberflow.lib.money import plain
from customers.models import ApiKey, Customer
from metering.api.body import RawBodyParser
from metering.api.parameters import Parameters
from metering.database import time_limited
from metering.ingest.canonical import BodyError, decode_json, encode_json
from metering.ingest.event_times import EARLIEST
from metering.ingest.resolve import current_generation, find_customers
from metering.models import Meter, Series
from metering.models.meter import Aggregation
from metering.usage_query import query_usage
from metering.usage_question import MAX_ROWS, START, Instant, UsageQuestion, UsageValue

SUBJECT = "subject"
WINDOWS = {"MINUTE": "minute", "HOUR": "hour", "DAY": "day", "WEEK": "week", "MONTH": "month"}
KNOWN = ("from", "to", "windowSize", "windowTimeZone", SUBJECT, "groupBy", "clientId", "filterCustomerId",
         "filterGroupBy", "advancedMeterGroupByFilters")  # fmt: skip
FILTER = "filterGroupBy"
# OpenMeter has no pages.
MAX_ANSWER = 100_000
# No event is older.
EVER = EARLIEST + timedelta(microseconds=1)
AGGREGATIONS = {Aggregation.AVERAGE: "AVG"}

_TEXT = {"type": "string"}
_INSTANT = {"type": "string", "format": "date-time"}
QUERY = [
    OpenApiParameter("from", str, description="An instant with offset. Absent: everything."),
    OpenApiParameter("to", str, description="The first instant that is not included. Absent: tomorrow."),
    OpenApiParameter("windowSize", str, enum=list(WINDOWS), description="Absent: one window."),
    OpenApiParameter("windowTimeZone", str, default="UTC"),
    OpenApiParameter(SUBJECT, str, many=True, description="A customer's external id; the answer is by subject then."),
    OpenApiParameter("groupBy", str, many=True, description="Dimensions, and `subject`. Absent: over all customers."),
    OpenApiParameter("filterGroupBy[dimension]", str, description="An allowed value; may be repeated."),
]
ROW = {
    "type": "object",
    "properties": {
        "value": {"type": "number"},
        "windowStart": _INSTANT,
        "windowEnd": _INSTANT,
        "subject": {"type": "string", "nullable": True},
        "groupBy": {"type": "object", "additionalProperties": _TEXT},
    },
}
ANSWER = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("from", "to", "windowSize"), _TEXT),
        "data": {"type": "array", "items": ROW},
    },
}


class UnknownMeterError(ProblemError):
    """There is no meter of that slug."""

    status_code = HTTPStatus.NOT_FOUND
    code = "unknown_meter"


class MetersView(APIView):
    """All meters."""

    required_scope = ApiKey.Scope.USAGE_READ

    @extend_schema(operation_id="list_openmeter_meters", summary="The meters in OpenMeter's format", responses=dict)
    def get(self, request: Request) -> Response:
        meters = Meter.objects.select_related("event_type").order_by("code")
        return Response([meter_document(meter) for meter in meters])


class MeterView(APIView):
    """One meter."""

    required_scope = ApiKey.Scope.USAGE_READ

    @extend_schema(operation_id="get_openmeter_meter", summary="A meter in OpenMeter's format", responses=dict)
    def get(self, request: Request, slug: str) -> Response:
        return Response(meter_document(find_meter(slug)))


class _AnyAnswer(BaseContentNegotiation):
    """JSON, or the CSV that the view makes by itself."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        return JSONRenderer(), JSONRenderer.media_type


class MeterQueryView(APIView):
    """What a meter measured."""

    required_scope = ApiKey.Scope.USAGE_READ
    parser_classes = [RawBodyParser]
    content_negotiation_class = _AnyAnswer

    @extend_schema(
        operation_id="query_openmeter_meter",
        summary="Query usage in OpenMeter's format",
        description="The same numbers as `GET /api/v1/usage`. `Accept: text/csv` answers in CSV.",
        parameters=QUERY,
        responses={200: OpenApiResponse(ANSWER), 400: OpenApiResponse(PROBLEM), 404: OpenApiResponse(PROBLEM)},
    )
    def get(self, request: Request, slug: str) -> HttpResponse:
        return _answer(request, find_meter(slug), request.query_params)

    @extend_schema(exclude=True)
    def post(self, request: Request, slug: str) -> HttpResponse:
        return _answer(request, find_meter(slug), _as_query(request.data))


def meter_document(meter: Meter) -> dict[str, Any]:
    """A meter as OpenMeter shows it; its code is both id and slug."""
    created = written(meter.created_at)
    document = {
        "id": meter.code,
        "slug": meter.code,
        "name": meter.name,
        "aggregation": AGGREGATIONS.get(Aggregation(meter.aggregation), meter.aggregation.upper()),
        "eventType": meter.event_type.code,
        "groupBy": {name: f"$.{name}" for name in meter.event_type.dimensions},
        "createdAt": created,
        "updatedAt": created,
    }
    return document | ({"valueProperty": f"$.{meter.value_property}"} if meter.value_property else {})


def find_meter(slug: str) -> Meter:
    """The meter of that code. Raises UnknownMeterError."""
    meter = Meter.objects.select_related("event_type").filter(code=slug).first()
    if meter is None:
        raise UnknownMeterError(f"There is no meter {slug[:80]!r}: use the code of a meter.", field="meterIdOrSlug")
    return meter


def group_values(meter: Meter, dimension: str, query: QueryDict) -> list[str]:
    """The values of a dimension that the meter's usage has, in order; between `from` and `to` if these are asked for.

    Raises ProblemError.
    """
    parameters = Parameters(query, known=("from", "to"))
    if dimension not in meter.event_type.dimensions:
        raise UnknownMeterError(
            f"{meter.code} has no group {dimension[:80]!r}: its groups are {', '.join(meter.event_type.dimensions)}.",
            code="unknown_group",
            field="groupByKey",
        )
    start, end = parameters.time("from"), parameters.time("to")
    if start is None and end is None:
        series = Series.objects.filter(event_type=meter.event_type, dimensions__has_key=dimension)
        values = set(series.values_list(KeyTextTransform(dimension, "dimensions"), flat=True).distinct())
    else:
        rows = _all_rows(
            UsageQuestion(
                meter=meter.code,
                start=_since(start),
                end=end,
                group_by=(dimension,),
                timezone="UTC",
                now=timezone.now(),
            )
        )
        values = {row.group[dimension] for row in rows if row.value is not None}
    return sorted(value for value in values if value)


def _answer(request: Request, meter: Meter, query: QueryDict) -> HttpResponse:
    parameters = Parameters(query, known=KNOWN, families=(FILTER,))
    if parameters.text("advancedMeterGroupByFilters"):
        raise ProblemError(
            "advancedMeterGroupByFilters is not understood: use filterGroupBy[name]=value.",
            code="unknown_parameter",
            field="advancedMeterGroupByFilters",
        )
    start, end = parameters.time("from"), parameters.time("to")
    window = parameters.one_of("windowSize", WINDOWS)
    dimensions = list(parameters.texts("groupBy", split=True))
    asked = parameters.texts(SUBJECT) + parameters.texts("filterCustomerId")
    customers = _customers(asked)
    by_subject = bool(asked) or SUBJECT in dimensions
    rows: list[UsageValue] = []
    if customers or not asked:
        question = UsageQuestion(
            meter=meter.code,
            start=_since(start),
            end=end,
            window=WINDOWS.get(window, "none"),
            customers=tuple(customers),
            group_by=tuple(name for name in dimensions if name != SUBJECT),
            filters={**parameters.family(FILTER), **_written_filter(parameters.text(FILTER))},
            timezone=parameters.text("windowTimeZone", "UTC"),
            now=timezone.now(),
        )
        rows = _all_rows(question)
    found = [_row(row, customers) for row in rows if row.value is not None] if by_subject else _over_all(meter, rows)
    if "text/csv" in request.headers.get("Accept", ""):
        return _csv(found, [name for name in dimensions if name != SUBJECT])
    document = {"from": _shown(start), "to": _shown(end), "windowSize": window or None}
    given = {name: value for name, value in document.items() if value is not None}
    return HttpResponse(encode_json({**given, "data": found}), content_type="application/json")


def _customers(names: Iterable[str]) -> dict[str, str]:
    """The customers of those names: the name that was asked for by external id. Unknown ones have no usage."""
    known = find_customers(names, generation=current_generation())
    found = Customer.objects.filter(pk__in={each.id for each in known.values()})
    external = dict(found.values_list("pk", "external_id"))
    return {external[customer.id]: name for name, customer in known.items()}


def _all_rows(question: UsageQuestion) -> list[UsageValue]:
    rows: list[UsageValue] = []
    position = START
    with time_limited():
        while True:
            answer = query_usage(question, limit=MAX_ROWS, after=position)
            rows += answer.rows
            if answer.after is None:
                return rows
            if len(rows) > MAX_ANSWER:
                raise ProblemError(
                    f"The answer has more than {MAX_ANSWER:,} rows: ask for less time, larger windows or one subject.",
                    code="too_many_rows",
                    field="windowSize",
                )
            position = answer.after


def _row(row: UsageValue, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "value": row.value,
        "windowStart": written(row.start),
        "windowEnd": written(row.end),
        SUBJECT: names.get(row.customer, row.customer),
        "groupBy": dict(row.group),
    }


def _over_all(meter: Meter, rows: Iterable[UsageValue]) -> list[dict[str, Any]]:
    """The rows of all customers made one, where what the meter measures allows it."""
    combine = {Aggregation.MAX: max, Aggregation.MIN: min}.get(Aggregation(meter.aggregation))
    adds = meter.aggregation in (Aggregation.SUM, Aggregation.COUNT, Aggregation.TIME_WEIGHTED_SUM)
    found: dict[tuple[datetime, tuple[tuple[str, str], ...]], dict[str, Any]] = {}
    for row in rows:
        if row.value is None:
            continue
        key = row.start.astimezone(UTC), tuple(sorted(row.group.items()))
        other = found.get(key)
        if other is None:
            found[key] = {**_row(row, {}), SUBJECT: None}
        elif adds or combine is not None:
            other["value"] = combine(other["value"], row.value) if combine else Decimal(other["value"]) + row.value
        else:
            raise ProblemError(
                f"{meter.code} measures a {meter.get_aggregation_display().lower()}, which can't be added up over "
                "customers: ask with groupBy=subject, or for one subject.",
                code="subject_needed",
                field="groupBy",
            )
    return [found[key] for key in sorted(found)]


def _written_filter(text: str) -> dict[str, list[str]]:
    """The filter as a whole object in one parameter, as the Python client writes it."""
    if not text:
        return {}
    try:
        found = literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(part, str) for pair in found.items() for part in pair):
        raise ProblemError(f"{FILTER} must be written {FILTER}[name]=value.", code=f"invalid_{FILTER}", field=FILTER)
    return {name: [value] for name, value in found.items()}


def _as_query(body: Any) -> QueryDict:
    """The parameters of a query that is posted as JSON, as those of an address."""
    try:
        document = decode_json(body) if isinstance(body, bytes) and body.strip() else {}
    except BodyError as error:
        raise ProblemError(str(error), code=error.code) from None
    if not isinstance(document, dict):
        raise ProblemError("The body must be a JSON object.", code="invalid_body")
    query = QueryDict(mutable=True)
    for name, value in document.items():
        if name == FILTER and isinstance(value, dict):
            for dimension, values in value.items():
                query.setlist(f"{FILTER}[{dimension}]", _texts(values))
        else:
            query.setlist(name, _texts(value))
    return query


def _texts(value: Any) -> list[str]:
    return [str(part) for part in (value if isinstance(value, list) else [value]) if part is not None]


def _csv(rows: Iterable[Mapping[str, Any]], dimensions: list[str]) -> HttpResponse:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["window_start", "window_end", SUBJECT, *dimensions, "value"])
    for row in rows:
        groups = [row["groupBy"][name] for name in dimensions]
        writer.writerow([row["windowStart"], row["windowEnd"], row[SUBJECT] or "", *groups, plain(row["value"])])
    return HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")


def written(instant: datetime) -> str:
    """An instant as OpenMeter writes it."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _since(start: Instant | None) -> Instant:
    """Clients that mean all usage send no instant, or the first one that their language knows."""
    if start is None or isinstance(start, datetime):
        return EVER if start is None else max(start, EVER)
    return start if start > EVER.date() else EVER


def _shown(asked: Instant | None) -> str | None:
    if asked is None:
        return None
    return written(asked) if isinstance(asked, datetime) else f"{asked.isoformat()}T00:00:00Z"

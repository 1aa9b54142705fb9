"""What Lago's clients read of usage: an event by its id, and the meters. Amounts are in `rating.api.lago`."""

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from amberflow.api import ProblemError, problem_of
from customers.models import ApiKey
from metering.api.ingest import http_answer
from metering.event_lookup import find_events
from metering.ingest.dialects.lago import SOURCE, event_document, lago_id, lago_instant, lago_problem
from metering.models import Meter
from metering.queries import event_payload

# Lago's names for what a meter does; what it doesn't have is one of its custom aggregations.
AGGREGATIONS = {
    Meter.Aggregation.SUM: "sum_agg",
    Meter.Aggregation.COUNT: "count_agg",
    Meter.Aggregation.MAX: "max_agg",
    Meter.Aggregation.LATEST: "latest_agg",
    Meter.Aggregation.UNIQUE_COUNT: "unique_count_agg",
    Meter.Aggregation.TIME_WEIGHTED_SUM: "weighted_sum_agg",
}
OTHER_AGGREGATION = "custom_agg"


class NotFoundError(ProblemError):
    """Lago's clients look for `<what>_not_found`."""

    status_code = 404


class LagoView(APIView):
    """A route that answers in the words of Lago's API, errors too."""

    def handle_exception(self, exc: Exception) -> Response:
        """What nobody foresaw is raised again (a logged 500)."""
        problem = problem_of(exc)
        if problem is None:
            raise exc
        return cast(Response, http_answer(lago_problem(problem)))


class LagoEventView(LagoView):
    """An event by the id under which it was sent."""

    required_scope = ApiKey.Scope.USAGE_READ

    @extend_schema(operation_id="get_lago_event", summary="An event in Lago's format", responses={200: dict})
    def get(self, request: Request, transaction_id: str) -> Response:
        found = find_events(source=SOURCE, event_id=transaction_id)
        if not found:
            raise NotFoundError(f"No event {transaction_id!r} was counted.", code="event_not_found")
        # Ids are each customer's own; whoever counts on Lago's promise sends none twice.
        event = found[0]
        payload = event_payload(event)
        document = event_document(
            transaction_id=payload["id"],
            reference=payload["customer"],
            code=payload["type"],
            occurred_at=event.occurred_at,
            created_at=event.batch.received_at,
            properties=payload["properties"],
        )
        return Response({"event": document})


class LagoMetricsView(LagoView):
    """The meters, as Lago's billable metrics."""

    required_scope = ApiKey.Scope.USAGE_READ

    @extend_schema(operation_id="list_lago_metrics", summary="The meters in Lago's format", responses={200: dict})
    def get(self, request: Request) -> Response:
        metrics = [metric_document(meter) for meter in Meter.objects.order_by("code")]
        meta = {"current_page": 1, "next_page": None, "prev_page": None, "total_pages": 1, "total_count": len(metrics)}
        return Response({"billable_metrics": metrics, "meta": meta})


class LagoMetricView(LagoView):
    """One meter, as Lago's billable metric."""

    required_scope = ApiKey.Scope.USAGE_READ

    @extend_schema(operation_id="get_lago_metric", summary="A meter in Lago's format", responses={200: dict})
    def get(self, request: Request, code: str) -> Response:
        meter = Meter.objects.filter(code=code).first()
        if meter is None:
            raise NotFoundError(f"There is no meter {code!r}.", code="billable_metric_not_found")
        return Response({"billable_metric": metric_document(meter)})


def metric_document(meter: Meter) -> dict[str, Any]:
    """A meter as Lago shows a billable metric."""
    return {
        "lago_id": str(lago_id("metric", meter.code)),
        "name": meter.name,
        "code": meter.code,
        "description": None,
        "aggregation_type": AGGREGATIONS.get(Meter.Aggregation(meter.aggregation), OTHER_AGGREGATION),
        "field_name": meter.value_property or None,
        "recurring": meter.carries_over,
        "weighted_interval": None,
        "expression": None,
        "rounding_function": None,
        "rounding_precision": None,
        "created_at": lago_instant(meter.created_at, digits="seconds"),
        "filters": [],
    }

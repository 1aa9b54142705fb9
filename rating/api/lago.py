"""What a customer used in the running period and what it costs so far, as Lago's clients read it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from amberflow.api import ProblemError
from amberflow.lib.money import plain, to_minor, use_money_context
from amberflow.lib.periods import local_date
from customers.models import ApiKey, Customer
from metering.api.lago import LagoView, NotFoundError, metric_document
from metering.ingest.dialects.lago import lago_id, lago_instant
from metering.models import Meter
from pricing.models import Subscription
from rating.engine.inputs import PeriodInput, PriceInput
from rating.engine.rated import RatedLine, RatedPeriod, RatingError
from rating.services.rate_period import compute_subscription_period

# Lago's name for a charge model where it has another one.
CHARGE_MODELS = {"per_unit": "standard"}
_SECOND = timedelta(seconds=1)


class LagoCurrentUsageView(LagoView):
    """The usage charges of the running billing period; fixed fees are no usage."""

    required_scope = ApiKey.Scope.BILLING_READ

    @extend_schema(
        operation_id="get_lago_current_usage",
        summary="The running period's usage in Lago's format",
        parameters=[OpenApiParameter("external_subscription_id", str)],
        responses={200: dict},
    )
    def get(self, request: Request, external_customer_id: str) -> Response:
        customer = Customer.objects.filter(external_id=external_customer_id).first()
        if customer is None:
            raise NotFoundError(f"There is no customer {external_customer_id!r}.", code="customer_not_found")
        today = local_date(timezone.now(), customer.timezone)
        asked = request.query_params.get("external_subscription_id", "")
        subscription = _subscription(customer, asked, today)
        try:
            inp, rated = compute_subscription_period(subscription=subscription, on=today)
        except RatingError as error:
            raise ProblemError(f"The running period can't be rated: {error}", code="cannot_be_rated") from None
        return Response({"customer_usage": usage_document(inp, rated)})


def _subscription(customer: Customer, asked: str, today: date) -> Subscription:
    """The running subscription of that external id. Of a customer who has only one, that one goes by the customer's
    own name too, and by any as long as it has none."""
    running = list(
        Subscription.objects.select_related("customer", "plan_version").filter(
            Q(ends_on=None) | Q(ends_on__gt=today), customer=customer, starts_on__lte=today
        )
    )
    named = [each for each in running if each.external_id == asked]
    if named:
        return named[0]
    if len(running) == 1 and (running[0].external_id is None or asked in ("", customer.external_id)):
        return running[0]
    names = ", ".join(repr(each.external_id) for each in running) or "none"
    raise NotFoundError(
        f"external_subscription_id {asked!r} is no running subscription of {customer.external_id!r} (it has {names}): "
        "give the subscription that external id in the back office.",
        code="subscription_not_found",
        field="external_subscription_id",
    )


@use_money_context()
def usage_document(inp: PeriodInput, rated: RatedPeriod) -> dict[str, Any]:
    """A rated period as Lago shows current usage. Amounts are whole minor units, as they would be billed now."""
    metered = {each.key: each for each in inp.prices if each.meter is not None}
    lines: dict[str, list[RatedLine]] = defaultdict(list)
    for line in rated.lines:
        if line.price_key in metered:
            lines[line.price_key].append(line)
    events = {(row.series, row.day): row.events for row in inp.series_days}
    meters = {meter.code: meter for meter in Meter.objects.all()}
    charges = [_charge(inp, metered[key], of_price, events, meters) for key, of_price in lines.items()]
    amount = sum(charge["amount_cents"] for charge in charges)
    return {
        "from_datetime": lago_instant(inp.period.start_utc, digits="seconds"),
        "to_datetime": lago_instant(inp.period.end_utc - _SECOND, digits="seconds"),
        "issuing_date": inp.period.end.isoformat(),
        "lago_invoice_id": None,
        "currency": inp.currency,
        "amount_cents": amount,
        "taxes_amount_cents": 0,
        "total_amount_cents": amount,
        "charges_usage": charges,
    }


Events = Mapping[tuple[int, date], int]


def _charge(
    inp: PeriodInput, price: PriceInput, lines: list[RatedLine], events: Events, meters: Mapping[str, Meter]
) -> dict[str, Any]:
    assert price.meter is not None
    grouped = [line for line in lines if line.group]
    return {
        **_sums(inp, lines, events),
        "amount_currency": inp.currency,
        "charge": {
            "lago_id": str(lago_id("charge", inp.subscription, price.key)),
            "charge_model": CHARGE_MODELS.get(price.price.model, price.price.model),
            "invoice_display_name": price.name,
        },
        "billable_metric": {
            name: value
            for name, value in metric_document(meters[price.meter.code]).items()
            if name in ("lago_id", "name", "code", "aggregation_type")
        },
        "filters": [],
        "grouped_usage": [
            {**_sums(inp, [line], events), "grouped_by": dict(line.group), "filters": []} for line in grouped
        ],
    }


def _sums(inp: PeriodInput, lines: Iterable[RatedLine], events: Events) -> dict[str, Any]:
    lines = list(lines)
    units = plain(sum((line.quantity for line in lines), Decimal(0)))
    used = {(part.series, part.day) for line in lines for part in line.slices if part.series is not None}
    return {
        "units": units,
        "total_aggregated_units": units,
        "events_count": sum(events.get(each, 0) for each in used),
        "amount_cents": sum(to_minor(line.amount, inp.currency) for line in lines),
    }

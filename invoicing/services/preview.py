"""What an invoice would say, without writing anything: the functions that make the real one, on the same usage."""

from dataclasses import dataclass
from datetime import date, timedelta

from amberflow.lib.periods import Period
from invoicing.balances import grants_for_draft
from invoicing.engine.assemble import InvoiceDraft, assemble
from pricing.models import Subscription
from rating.engine.rated import RatedPeriod
from rating.services.rate_period import compute_subscription_period


@dataclass(frozen=True, slots=True)
class InvoicePreview:
    """The invoice as it would be now; `rated` has its slices, unpriced usage and cost."""

    subscription: Subscription
    period: Period
    invoice: InvoiceDraft
    rated: RatedPeriod


def preview_invoice(*, subscription: Subscription, on: date) -> InvoicePreview:
    """The invoice for the period that contains the local date `on`, with the usage known now.

    Raises PeriodError when the subscription doesn't run on that date, DomainError when it can't be rated.
    """
    inp, rated = compute_subscription_period(subscription=subscription, on=on)
    return InvoicePreview(
        subscription=subscription,
        period=inp.period,
        invoice=assemble(
            rated.lines,
            currency=inp.currency,
            grants=grants_for_draft(subscription=subscription, end=inp.period.end, currency=inp.currency),
            last_day=inp.period.end - timedelta(days=1),
        ),
        rated=rated,
    )

"""A code of ten percent on North's August: 31 + 2.5 × 10 + 0.2 × 40 = 64, of which 6.40 is given away."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine

from invoicing.models import Invoice
from invoicing.services.finalize import finalize_invoice
from invoicing.services.runs import rate_and_draft
from invoicing.services.void import void_invoice
from pricing.models import Promotion, Subscription
from pricing.queries import redemption_report
from pricing.services.promotions import redeem_code
from rating.promotions import promotion_money
from tests.office import AUGUST, NOW, Office

pytestmark = pytest.mark.django_db


def money_of(promotion):
    report = redemption_report(promotion=promotion)
    ids = [pk for customer in report.customers for pk in customer.subscription_ids]
    return promotion_money(discount_keys=report.discount_keys, subscription_ids=ids)


def test_revenue_given_away_and_margin_after(admin_client):
    with time_machine.travel(NOW):
        office = Office()
        promotion = Promotion.objects.create(code="TEN", name="Ten percent", percent=10)
        assert money_of(promotion) == []
        subscription = Subscription.objects.get(customer=office.north)
        redeem_code(code="ten", subscription_id=subscription.pk, now=NOW)
        rate_and_draft(now=NOW)
        (money,) = money_of(promotion)
        # alpha's August: 2 million in at 1 and 0.2 million out at 4 cost 2.80; beta has no rate
        assert (money.currency, money.given_away, money.net) == ("USD", Decimal("6.4"), Decimal("57.6"))
        assert (money.cost, money.margin) == (Decimal("2.8"), Decimal("54.8"))
        page = admin_client.get(f"/admin/pricing/promotion/{promotion.pk}/change/").content.decode()
        assert "What it gave away" in page
        assert "54.80" in page


def test_a_void_invoice_gave_nothing_away():
    with time_machine.travel(NOW):
        office = Office()
        promotion = Promotion.objects.create(code="TEN", name="Ten percent", percent=10)
        subscription = Subscription.objects.get(customer=office.north)
        redeem_code(code="ten", subscription_id=subscription.pk, now=NOW)
    later = NOW + timedelta(days=30)
    rate_and_draft(now=later)
    draft = Invoice.objects.get(period__subscription=subscription, period__start_date=AUGUST)
    finalize_invoice(invoice_id=draft.pk, now=later, skip_grace=True, accept_unpriced_reason="beta is free")
    assert [money.given_away for money in money_of(promotion)] != []
    before = sum(money.given_away for money in money_of(promotion))
    void_invoice(invoice_id=draft.pk, now=later, reason="Wrong customer.")
    # 6.40 of August; September's share of the fee goes on.
    assert before - sum(money.given_away for money in money_of(promotion)) == Decimal("6.4")

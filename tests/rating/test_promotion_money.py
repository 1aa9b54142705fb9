"""A code of ten percent on North's August: 31 + 2.5 × 10 + 0.2 × 40 = 64, of which 6.40 is given away."""

from decimal import Decimal

import pytest
import time_machine

from invoicing.services.runs import rate_and_draft
from pricing.models import Promotion, Subscription
from pricing.queries import redemption_report
from pricing.services.promotions import redeem_code
from rating.promotions import promotion_money
from tests.office import NOW, Office

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

from django.http import HttpRequest

from amberflow.admin_base import Panel, add_panel
from pricing.models import Promotion
from pricing.queries import redemption_report
from rating.promotions import promotion_money


def _money_panel(request: HttpRequest, promotion: Promotion) -> Panel | None:
    if not request.user.has_perm("invoicing.view_cost"):
        return None
    report = redemption_report(promotion=promotion)
    subscriptions = [pk for customer in report.customers for pk in customer.subscription_ids]
    money = promotion_money(discount_keys=report.discount_keys, subscription_ids=subscriptions)
    return Panel("admin/rating/promotion/money.html", {"money": money})


add_panel(Promotion, _money_panel)

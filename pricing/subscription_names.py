"""Usage may name a subscription instead of the customer, as Lago's clients do."""

from collections.abc import Sequence

from pricing.models import Subscription


def customers_of_subscriptions(external_ids: Sequence[str]) -> dict[str, int]:
    """The customers whose subscriptions have these external ids; unknown ones are left out."""
    rows = Subscription.objects.filter(external_id__in=list(external_ids)).values_list("external_id", "customer_id")
    return {external_id: customer for external_id, customer in rows if external_id is not None}

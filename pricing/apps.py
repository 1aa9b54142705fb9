from django.apps import AppConfig


class PricingConfig(AppConfig):
    name = "pricing"
    verbose_name = "Pricing"

    def ready(self) -> None:
        """Metering can't import pricing; whose a subscription is is handed to it here."""
        from metering.ingest.customer_names import add_customer_names
        from pricing.subscription_names import customers_of_subscriptions

        add_customer_names(customers_of_subscriptions)

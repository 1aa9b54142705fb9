from django.apps import AppConfig


class InvoicingConfig(AppConfig):
    name = "invoicing"
    verbose_name = "Invoicing"

    def ready(self) -> None:
        """Metering can't import invoicing; whose an id at Stripe is is handed to it here."""
        from invoicing.stripe import handlers  # noqa: F401 - connects the receivers of Stripe's webhooks
        from invoicing.stripe.customers import customers_at_stripe
        from metering.ingest.customer_names import add_customer_names

        add_customer_names(customers_at_stripe)

from django.apps import AppConfig


class InvoicingConfig(AppConfig):
    name = "invoicing"
    verbose_name = "Invoicing"

    def ready(self) -> None:
        """Metering can't import invoicing; it is handed here whose an id at Stripe is, and how invoices are called."""
        from invoicing.queries import invoice_names
        from invoicing.stripe import handlers  # noqa: F401 - connects the receivers of Stripe's webhooks
        from invoicing.stripe.customers import customers_at_stripe
        from metering.corrections.effect import set_invoice_function
        from metering.ingest.customer_names import add_customer_names

        add_customer_names(customers_at_stripe)
        set_invoice_function(invoice_names)

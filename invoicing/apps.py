from django.apps import AppConfig


class InvoicingConfig(AppConfig):
    name = "invoicing"
    verbose_name = "Invoicing"

    def ready(self) -> None:
        """Metering can't import invoicing; how invoices are called is handed to it here."""
        from invoicing.queries import invoice_names
        from invoicing.stripe import handlers  # noqa: F401 - connects the receivers of Stripe's webhooks
        from metering.corrections.effect import set_invoice_function

        set_invoice_function(invoice_names)

from django.apps import AppConfig


class InvoicingConfig(AppConfig):
    name = "invoicing"
    verbose_name = "Invoicing"

    def ready(self) -> None:
        from invoicing.stripe import handlers  # noqa: F401 - connects the receivers of Stripe's webhooks

from django.apps import AppConfig


class RatingConfig(AppConfig):
    name = "rating"
    verbose_name = "Rating"

    def ready(self) -> None:
        """Pricing can't import rating; the check that rates example invoices is handed to it here."""
        from pricing.publishing import add_publish_check
        from rating.services.plan_examples import example_problems

        add_publish_check(example_problems)

from django.apps import AppConfig


class RatingConfig(AppConfig):
    name = "rating"
    verbose_name = "Rating"

    def ready(self) -> None:
        """Metering and pricing can't import rating; what they need computed is handed to them here."""
        from metering.corrections.effect import set_money_function
        from metering.retention.holds import add_hold
        from pricing.plan_change_effect import set_effect_function
        from pricing.publishing import add_publish_check
        from rating.retention import open_billing
        from rating.services.correction_effect import touched_period_money
        from rating.services.plan_change_effect import plan_change_effect
        from rating.services.plan_examples import example_problems

        add_hold(open_billing)
        add_publish_check(example_problems)
        set_effect_function(plan_change_effect)
        set_money_function(touched_period_money)

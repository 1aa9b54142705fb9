from django.apps import AppConfig


class RatingConfig(AppConfig):
    name = "rating"
    verbose_name = "Rating"

    def ready(self) -> None:
        """Pricing can't import rating; what it needs computed is handed to it here."""
        from pricing.plan_change_effect import set_effect_function
        from pricing.publishing import add_publish_check
        from rating.services.plan_change_effect import plan_change_effect
        from rating.services.plan_examples import example_problems

        add_publish_check(example_problems)
        set_effect_function(plan_change_effect)

from django.apps import AppConfig


class MeteringConfig(AppConfig):
    name = "metering"
    verbose_name = "Usage"

    def ready(self) -> None:
        # Before the first connection: it knows the forms of values that are registered until then.
        import metering.arrays  # noqa: F401

"""What every test shares: quick settings for pages and passwords, and hypothesis without deadlines."""

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

# A shared two-core machine stalls now and then; a deadline would only test that.
hypothesis_settings.register_profile(
    "amberflow",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    print_blob=True,
)
hypothesis_settings.load_profile("amberflow")


@pytest.fixture(autouse=True)
def quick_settings(settings):
    """Static files by their plain names, without a manifest; a cheap password hash."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def forgetful_ingestion():
    """What ingestion remembers of committed rows must not outlive the test that made them."""
    from metering.costbook.book import forget_book
    from metering.ingest.resolve import forget
    from metering.services.partitions import forget_partitions

    forget()
    forget_book()
    forget_partitions()

"""What every test shares: quick settings for pages and passwords, and hypothesis without deadlines."""

import pytest
from django.conf import settings as django_settings
from django.test import testcases
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


@pytest.fixture(autouse=True, scope="session")
def collected_static_files(tmp_path_factory):
    """An empty folder: tests don't need `collectstatic`, and its absence is warned of when a server starts."""
    django_settings.STATIC_ROOT = tmp_path_factory.mktemp("static_root")


@pytest.fixture(autouse=True, scope="session")
def live_servers_as_deployed():
    """Live servers take usage by the short way, as amberflow.wsgi does."""
    from metering.api.short_way import ShortWay

    with pytest.MonkeyPatch.context() as patch:
        # In the place of what serves uploaded files: there are none, and it would take every path for one.
        patch.setattr(testcases, "_MediaFilesHandler", ShortWay)
        yield


@pytest.fixture(autouse=True)
def quick_settings(settings):
    """Static files by their plain names, without a manifest; a cheap password hash."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    # A developer's own .env says other things.
    settings.SELLER = {"name": "Amber Cloud, Inc.", "address": "1 Market Street", "email": "", "tax_id": ""}
    settings.INVOICE_NUMBER_PREFIX, settings.GRACE_HOURS, settings.PAYMENT_TERM_DAYS = "AF-", 24, 30
    # A thread of its own would write to the database beside the test's transaction.
    settings.REQUEST_LOG_SECONDS = 0
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def forgetful_ingestion():
    """What ingestion remembers of committed rows must not outlive the test that made them."""
    from customers.rate_limits import forget_rates
    from customers.services.api_keys import forget_api_keys
    from metering.costbook.book import forget_book
    from metering.ingest.open_rejections import forget_open
    from metering.ingest.resolve import forget
    from metering.ingest.write import forget_repeats
    from metering.pressure import forget_pressure
    from metering.services.partitions import forget_partitions
    from metering.services.request_log import forget_calls

    forget()
    forget_open()
    forget_api_keys()
    forget_book()
    forget_partitions()
    forget_rates()
    forget_repeats()
    forget_pressure()
    forget_calls()

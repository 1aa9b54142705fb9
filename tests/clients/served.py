"""The application as it is deployed, on the database of the tests: for clients that need the real web server."""

import os

from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "amberflow.settings")
settings.DATABASES["default"]["NAME"] = os.environ["TESTED_DATABASE"]

# Only now, because it connects to the database that the settings name.
from amberflow.wsgi import application  # noqa: E402

__all__ = ["application"]

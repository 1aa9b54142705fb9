"""The WSGI application that granian serves."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "amberflow.settings")
_django = get_wsgi_application()

# Apps are there only now.
from amberflow.body_length import KnownLength  # noqa: E402
from metering.api.short_way import ShortWay  # noqa: E402

application = KnownLength(ShortWay(_django))

# A request with a thousand events makes tens of thousands of objects, none of them in a cycle: what was loaded until
# here is not looked through again, and the rest less often than for each seven hundred objects.
gc.collect()
gc.freeze()
gc.set_threshold(50_000, 20, 100)

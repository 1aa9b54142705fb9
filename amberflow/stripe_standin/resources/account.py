"""The one account that every key of the stand-in belongs to."""

from amberflow.stripe_standin.api import ACCOUNT_CURRENCY, Api
from amberflow.stripe_standin.errors import no_such
from amberflow.stripe_standin.forms import Form
from amberflow.stripe_standin.resources.common import NOTHING
from amberflow.stripe_standin.store import Obj

ACCOUNT_ID = "acct_1StandIn00000000"
ACCOUNT_NAME = "Stripe stand-in"
ACCOUNT: Obj = {
    "id": ACCOUNT_ID,
    "object": "account",
    "business_profile": {"name": ACCOUNT_NAME, "url": None},
    "business_type": "company",
    "charges_enabled": True,
    "country": "US",
    "created": 1700000000,
    "default_currency": ACCOUNT_CURRENCY,
    "details_submitted": True,
    "email": "billing@example.com",
    "metadata": {},
    "payouts_enabled": True,
    "settings": {
        "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
        "dashboard": {"display_name": ACCOUNT_NAME, "timezone": "Etc/UTC"},
    },
    "type": "standard",
}


def retrieve(api: Api, raw: Form, identifier: str = ACCOUNT_ID) -> Obj:
    NOTHING(raw)
    if identifier != ACCOUNT_ID:
        raise no_such("account", identifier, "account")
    return dict(ACCOUNT)

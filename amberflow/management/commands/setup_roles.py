"""Makes the groups of the back office, with what each may see and do. Running it again puts them back."""

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.core.management.base import BaseCommand
from django.db import transaction

OWN_APPS = ("customers", "metering", "pricing", "rating", "invoicing")

# Support helps customers with their usage and keys; what things cost is not for them.
SUPPORT_HIDDEN_MODELS = (
    "costmodel",
    "costrate",
    "modelalias",
    "exchangerate",
    "unbilledcost",
    "unpricedusage",
    "lateusage",
    "ratedline",
    "simulation",
)
SUPPORT_MAY_CHANGE = ("customers.add_apikey", "customers.change_apikey", "metering.change_rejectedevent")


def view_permissions() -> set[str]:
    """The right to look at each of the project's own models."""
    found = Permission.objects.filter(content_type__app_label__in=OWN_APPS, codename__startswith="view_")
    return {f"{row.content_type.app_label}.{row.codename}" for row in found.select_related("content_type")}


def all_permissions() -> set[str]:
    """Every right on the project's own models."""
    found = Permission.objects.filter(content_type__app_label__in=OWN_APPS).select_related("content_type")
    return {f"{row.content_type.app_label}.{row.codename}" for row in found}


def role_permissions() -> dict[str, set[str]]:
    """The rights of each group by its name."""
    hidden = {f"view_{model}" for model in SUPPORT_HIDDEN_MODELS} | {"view_cost"}
    return {
        "finance": all_permissions(),
        "analyst": view_permissions(),
        "support": {name for name in view_permissions() if name.partition(".")[2] not in hidden}
        | {*SUPPORT_MAY_CHANGE},
    }


class Command(BaseCommand):
    help = "Make the groups finance (everything), analyst (reads everything) and support (no cost, no margin)."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        rows = {
            f"{row.content_type.app_label}.{row.codename}": row
            for row in Permission.objects.select_related("content_type")
        }
        for name, wanted in role_permissions().items():
            group, _ = Group.objects.get_or_create(name=name)
            group.permissions.set([rows[permission] for permission in sorted(wanted)])
            self.stdout.write(f"{name}: {len(wanted)} permissions")

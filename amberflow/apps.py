"""The wiring package as Django apps: the demo and its commands, and the admin site."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class AmberflowConfig(AppConfig):
    name = "amberflow"

    def ready(self) -> None:
        from amberflow import checks  # noqa: F401 - registers the system checks


class AmberflowAdminConfig(AdminConfig):
    default_site = "amberflow.admin_site.AmberflowAdminSite"

    def ready(self) -> None:
        super().ready()
        from amberflow.admin_site import dress_third_party_admins

        dress_third_party_admins()

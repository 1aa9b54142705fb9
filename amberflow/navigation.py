"""The admin's look and its side bar."""

from typing import Any

UNFOLD: dict[str, Any] = {"SITE_TITLE": "amberflow", "SITE_HEADER": "amberflow"}

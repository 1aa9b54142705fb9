"""How to get in: the log-in of the demo and its API key."""

import os
from pathlib import Path

from django.contrib.auth import get_user_model

from amberflow import devdb
from customers.models import ApiKey
from customers.services.api_keys import create_api_key, find_api_key

ADMIN_NAME = "admin"
ADMIN_PASSWORD = "amberflow-demo"  # noqa: S105 - printed on screen; for a local demo only
KEY_NAME = "Demo"


def key_file() -> Path:
    """Where the demo's API key is kept for its owner, as the database holds only its hash."""
    return devdb.home() / "demo_api_key"


def ensure_admin() -> None:
    """The demo's superuser; one of that name is left as it is."""
    users = get_user_model().objects
    if not users.filter(username=ADMIN_NAME).exists():
        users.create_superuser(ADMIN_NAME, "admin@ambercloud.example", ADMIN_PASSWORD)


def ensure_api_key() -> str:
    """The demo's API key: the kept one while it is valid, otherwise a new one."""
    file = key_file()
    if file.exists():
        kept = file.read_text().strip()
        if find_api_key(plaintext=kept) is not None:
            return kept
    _key, plaintext = create_api_key(name=KEY_NAME, scopes=list(ApiKey.Scope.values))
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(f"{plaintext}\n")
    return plaintext

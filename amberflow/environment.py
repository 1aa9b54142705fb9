"""Reads the environment: one place that knows each variable's name, type and remedy.

Without `DATABASE_URL` the installation is *local*: it uses the embedded database of the checkout and sensible
defaults for everything else. With it, nothing is guessed: what is missing stops the start with its name.
"""

import os
import secrets
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")


def is_local() -> bool:
    """True when the embedded database and local defaults are in use."""
    return not env.str("DATABASE_URL", default="")


def required(name: str, *, local_default: str, remedy: str) -> str:
    """The variable's text; the default in a local installation; refuses to start otherwise."""
    value = env.str(name, default="").strip()
    if value:
        return value
    if is_local():
        return local_default
    raise ImproperlyConfigured(f"{name} is not set. {remedy} (.env.example lists every variable.)")


def integer(name: str, *, default: int, minimum: int = 0) -> int:
    """The variable as a whole number of at least `minimum`."""
    text = env.str(name, default="").strip()
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={text!r} is not a whole number.") from None
    if value < minimum:
        raise ImproperlyConfigured(f"{name}={value} is below {minimum}.")
    return value


def flag(name: str, *, default: bool) -> bool:
    """The variable as yes or no (1/0, true/false, yes/no, on/off)."""
    text = env.str(name, default="").strip().lower()
    if not text:
        return default
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name}={text!r} is neither yes nor no; use 1 or 0.")


def names(name: str, *, default: list[str]) -> list[str]:
    """The variable as a comma-separated list."""
    text = env.str(name, default="").strip()
    return [part.strip() for part in text.split(",") if part.strip()] if text else default


def local_secret(path: Path) -> str:
    """A random key kept in a private file, so that a local installation keeps its sessions over restarts."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(50))
        try:
            os.link(draft, path)  # atomic: two processes that start together agree on one key
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()

"""Who does something in the back office, as histories keep it."""

from django.http import HttpRequest


def made_by(request: HttpRequest) -> str:
    """The person's name and login."""
    login = request.user.get_username()
    name = request.user.get_full_name() if request.user.is_authenticated else ""
    return f"{name} ({login})" if name else login

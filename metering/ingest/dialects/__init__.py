"""Every wire format, one file each. A new file with a subclass of Dialect is all that it takes to speak another."""

from collections import defaultdict
from functools import lru_cache
from importlib import import_module
from inspect import isabstract
from pkgutil import iter_modules

from metering.ingest.dialect import Dialect, UsageRequest


@lru_cache(maxsize=1)
def all_dialects() -> tuple[Dialect, ...]:
    """One instance of each dialect, in the order in which they are asked for shared routes."""
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    classes = {
        each
        for module in modules
        for each in vars(module).values()
        if isinstance(each, type)
        and issubclass(each, Dialect)
        and not isabstract(each)
        and each.__module__ == module.__name__
    }
    return tuple(sorted((each() for each in classes), key=lambda each: (each.precedence, each.name)))


def dialects_by_route() -> dict[str, tuple[Dialect, ...]]:
    """The dialects that share each route, which is also understood with a slash at its end."""
    routes: dict[str, list[Dialect]] = defaultdict(list)
    for dialect in all_dialects():
        for route in dict.fromkeys(each for plain in dialect.routes for each in (plain, _with_slash(plain))):
            routes[route].append(dialect)
    return {route: tuple(dialects) for route, dialects in routes.items()}


def _with_slash(route: str) -> str:
    return f"{route}/" if route and not route.endswith("/") else route


def choose_dialect(candidates: tuple[Dialect, ...], request: UsageRequest) -> Dialect:
    """Whose request it is: the first that recognises it; of none, the last that was asked explains what is wrong."""
    if len(candidates) == 1:
        return candidates[0]
    return next((each for each in candidates if each.recognises(request)), candidates[-1])

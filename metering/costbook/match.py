"""Which model of the catalogue a client means, by the matching rules of the `genai-prices` package."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genai_prices.types import Provider

# No provider's model name comes near this; longer texts are not worth searching with patterns.
MAX_NAME_LENGTH = 200


@dataclass(frozen=True, slots=True)
class CatalogueMatch:
    """`provider` is who was called; `owner` is whose list has the price: Azure sells OpenAI's models."""

    provider: str
    owner: str
    model: str


def find_in_catalogue(*, provider: str, model: str) -> CatalogueMatch | None:
    """The catalogue's entry for a model as a client names it; without `provider` it is guessed from the name.

    A name may carry its provider in front, like `azure/gpt-4o`, as LiteLLM writes it.
    """
    name = model.strip().lower()
    if not name or len(name) > MAX_NAME_LENGTH or len(provider) > MAX_NAME_LENGTH:
        return None
    prefix, slash, rest = name.partition("/")
    if provider and provider.lower() != "litellm":
        sold_by = _provider_called(provider)
        return _find(sold_by, name) or (_find(sold_by, rest) if slash and _provider_called(prefix) == sold_by else None)
    guessed = _find(_provider_of_model(name), name)
    return guessed or (_find(_provider_called(prefix), rest) if slash else None)


def _find(provider: "Provider | None", name: str) -> CatalogueMatch | None:
    if provider is None:
        return None
    model = provider.find_model(name, all_providers=list(_providers()))
    if model is None:
        return None
    return CatalogueMatch(provider=provider.id, owner=_owners()[id(model)], model=model.id)


def _provider_called(name: str) -> "Provider | None":
    from genai_prices.data_snapshot import find_provider_by_id

    return find_provider_by_id(list(_providers()), name)


def _provider_of_model(name: str) -> "Provider | None":
    return next((each for each in _providers() if each.model_match and each.model_match.is_match(name)), None)


@lru_cache(maxsize=1)
def _providers() -> "tuple[Provider, ...]":
    # Imported when first needed: the catalogue takes a second to load, and most commands don't use it.
    from genai_prices.data import providers

    return tuple(providers)


@lru_cache(maxsize=1)
def _owners() -> dict[int, str]:
    return {id(model): provider.id for provider in _providers() for model in provider.models}

"""Which model of the catalogue a client means, by the matching rules of the `genai-prices` package."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genai_prices.types import Provider

# No provider's model name comes near this; longer texts are not worth searching with patterns.
MAX_NAME_LENGTH = 200

# What LiteLLM, OpenTelemetry and the Vercel AI SDK call providers, where the catalogue's patterns don't know it or take
# it for somebody else.
_PROVIDERS = {
    "azure_ai": "azure",
    "azure_text": "azure",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "az.ai.inference": "azure",
    "az.ai.openai": "azure",
    "fireworks_ai": "fireworks",
    "gcp.gen_ai": "google",
    "meta_llama": "meta",
    "x_ai": "x-ai",
    "xai.chat": "x-ai",
    "xai.responses": "x-ai",
}


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


@lru_cache(maxsize=1000)
def provider_id(name: str) -> str:
    """The catalogue's id of a provider that a client calls so; of one that it doesn't know the name in lower case."""
    name = name.strip().lower()
    known = _provider_called(name) if name and len(name) <= MAX_NAME_LENGTH else None
    return name if known is None else known.id


def _find(provider: "Provider | None", name: str) -> CatalogueMatch | None:
    if provider is None:
        return None
    model = provider.find_model(name, all_providers=list(_providers()))
    if model is None:
        return None
    return CatalogueMatch(provider=provider.id, owner=_owners()[id(model)], model=model.id)


def _provider_called(name: str) -> "Provider | None":
    from genai_prices.data_snapshot import find_provider_by_id

    return find_provider_by_id(list(_providers()), _PROVIDERS.get(name.lower(), name))


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

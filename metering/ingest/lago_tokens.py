"""Token counts of Lago's agent SDK, which reports one call as several events, each with one count in `value`.

Its counts overlap as the provider's do: where cached tokens are part of the input, they come once more as an event of
their own. Events can't be subtracted from each other, so such a part is no token here, only a `value` that a meter may
charge; then every token is counted and costed once, the cached ones at the price of plain input.
"""

from collections.abc import Mapping
from typing import Any

VALUE = "value"
_WHOLES = {"llm_input_tokens": "input_tokens", "llm_output_tokens": "output_tokens"}
# Beside input and output, unless the provider counts them into it.
_BESIDE_INPUT = {
    "llm_cached_input_tokens": "cache_read_tokens",
    # What is written for 5 minutes and for an hour comes once more under codes of its own, as parts of this.
    "llm_cache_creation_tokens": "cache_write_tokens",
}
_BESIDE_OUTPUT = {"llm_reasoning_tokens": "reasoning_tokens"}
_INPUT_HOLDS_CACHE = frozenset({"openai", "gemini", "mistral", "workers-ai"})
_OUTPUT_HOLDS_REASONING = frozenset({"openai", "workers-ai"})
# Gateways that report each provider's counts in OpenAI's way.
_OPENAI_SHAPED = frozenset({"databricks_gateway", "ramp_router"})


def with_pools(code: str, properties: dict[str, Any]) -> dict[str, Any]:
    """The properties of such an event, with its count under the name of the tokens that it counts."""
    name = _pool(code, properties)
    if name is None or name in properties or properties.get(VALUE) is None:
        return properties
    return {**properties, name: properties[VALUE]}


def _pool(code: str, properties: Mapping[str, Any]) -> str | None:
    if code in _WHOLES:
        return _WHOLES[code]
    provider, api = str(properties.get("provider")), str(properties.get("api"))
    if code in _BESIDE_INPUT and provider not in _INPUT_HOLDS_CACHE and api not in _OPENAI_SHAPED:
        return _BESIDE_INPUT[code]
    if code in _BESIDE_OUTPUT and provider not in _OUTPUT_HOLDS_REASONING and api not in _OPENAI_SHAPED:
        return _BESIDE_OUTPUT[code]
    return None

"""Other names that a model may have in the cost book: without the region, the vendor, the date and the like. Pure."""

import re
from collections.abc import Iterator

# Like us.anthropic.claude-…: the inference profile of a region, and who made a model that Bedrock sells.
_REGION = re.compile(r"^(?:us-gov|us|eu|apac|au|jp|ca|global)\.(?=[a-z0-9-]+\.)")
_VENDOR = re.compile(
    r"^(?:ai21|amazon|anthropic|cohere|deepseek|meta|minimax|mistral|moonshot|nvidia|openai|qwen|writer|zai)\."
)
# Each may end a name: Bedrock's version of a dated model or the first of one, a date, and words for "the newest".
_SUFFIXES = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?<=\d{8})-v\d+(?::\d+)?$",
        r"-v1:\d+$",
        r":\d+$",
        r"[-@]20\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$",
        r"[-@]20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$",
        r"[-@](?:latest|default)$",
    )
)
FINE_TUNE = "ft:"


def is_bedrock_name(name: str) -> bool:
    """Whether a model's name (in lower case) is of the form in which Bedrock names what it sells."""
    return _VENDOR.match(_REGION.sub("", name.rpartition("/")[2])) is not None


def variants(name: str) -> tuple[str, ...]:
    """The name (in lower case) and its shorter forms, the longest first; each could be a row of the cost book.

    A fine-tuned model keeps its `ft:`, since it costs more than the model that it was made from.
    """
    return tuple(dict.fromkeys(_shorter(name)))


def _shorter(name: str) -> Iterator[str]:
    if name.startswith(FINE_TUNE):
        yield name
        yield from _without_suffixes(":".join(name.split(":")[:2]))
        return
    parts = name.split("/")
    tails = ["/".join(parts[start:]) for start in range(len(parts))]
    for tail in tails:
        yield from _without_suffixes(tail)
    for tail in tails:
        yield from _without_suffixes(_REGION.sub("", tail))
    for tail in tails:
        yield from _without_suffixes(_VENDOR.sub("", _REGION.sub("", tail)))


def _without_suffixes(name: str) -> Iterator[str]:
    """The name, then with one ending after the other taken off."""
    while name:
        yield name
        shorter = next((cut for suffix in _SUFFIXES if (cut := suffix.sub("", name)) != name), "")
        name = shorter

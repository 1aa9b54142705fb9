"""The measures that an event can carry, and the columns that hold them.

A *pool* is one of the disjoint kinds of token of an AI call (docs/glossary.md); their sum is all tokens of the call.
A *value* is one of the four slots for an event type's own numbers (pages, images, seconds); an event type
names them in order, and a name keeps its slot for ever.
"""

INPUT_POOLS = (
    "uncached_input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "audio_input",
    "image_input",
)
OUTPUT_POOLS = ("visible_output", "reasoning", "audio_output")
POOLS = INPUT_POOLS + OUTPUT_POOLS
VALUES = ("value_1", "value_2", "value_3", "value_4")
MEASURES = POOLS + VALUES

# What is charged per call, not per token; it has a cost but no quantity of its own.
REQUEST = "request"
COST_PARTS = (*POOLS, REQUEST)
COST_COLUMNS = tuple(f"{part}_cost" for part in COST_PARTS)

# Names for sums of pools that a meter may use beside the single pools.
POOL_SUMS = {
    "input_tokens": INPUT_POOLS,
    "output_tokens": OUTPUT_POOLS,
    "total_tokens": POOLS,
}

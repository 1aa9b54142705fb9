"""Runs in the environment of the client libraries: reports calls of models through Lago's agent SDK.

The server's first answer is lost on the way. Prints one JSON line with the errors that the SDK reported.
"""

import json
import os
import sys

from lago_agent_sdk import CanonicalUsage, LagoConfig, LagoSDK

errors = []
config = LagoConfig(
    api_key=os.environ["KEY"],
    api_url=os.environ["URL"] + "/api/v1",
    default_subscription_id="acme",
    on_error=lambda error, where: errors.append(f"{where}: {error}"),
)
sdk = LagoSDK(config.api_key, config=config)
for number in range(3):
    usage = CanonicalUsage(
        input=1000, output=200, cache_read=800, model="gpt-4o", provider="openai", api="chat_completions"
    )
    sdk.emit(usage, event_id=f"call-{number}")
usage = CanonicalUsage(input=10, cache_read=5, model="claude-sonnet-4-5", provider="anthropic", api="messages")
sdk.emit(usage)
settled = sdk.flush(timeout=30)
sdk.emit(CanonicalUsage(input=1, model="gpt-4o", provider="openai"), subscription="nobody")
settled = sdk.flush(timeout=30) and settled
sys.stdout.write(json.dumps({"settled": settled, "errors": errors}) + "\n")

"""Runs in the environment of the client libraries: calls models through LiteLLM, whose lago callback reports them.

Prints one JSON line per call with what LiteLLM itself says about it.
"""

import asyncio
import json
import os
import sys

import litellm

litellm.callbacks = ["lago"]


async def call(model, *, user="acme"):
    response = await litellm.acompletion(
        model=model,
        messages=[{"role": "user", "content": "Say hi in five words, please"}],
        mock_response="Hello there, my dear friend!",
        # The proxy puts the body of the request here; the callback reads the end user from it.
        proxy_server_request={"body": {"user": user}},
        metadata={"user_api_key_user_id": user},
    )
    sys.stdout.write(json.dumps({"id": response.id, "total": response.usage.total_tokens}) + "\n")
    # The callback runs beside the call; LiteLLM has no way to wait for it.
    await asyncio.sleep(1.5)


async def main():
    await call("gpt-4o")
    await call("claude-sonnet-4-5")
    await call("gpt-4o", user="nobody")
    os.environ["LAGO_API_KEY"] = "af_wrong"
    await call("gpt-4o")


asyncio.run(main())

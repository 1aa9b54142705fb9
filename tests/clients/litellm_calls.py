"""Runs in the environment of the client libraries: calls models through LiteLLM, whose openmeter callback reports them.

Prints one JSON line per call with what LiteLLM itself says about it.
"""

import asyncio
import json
import os
import sys

import litellm

litellm.callbacks = ["openmeter"]


def arguments(user):
    return {
        "messages": [{"role": "user", "content": "Say hi in five words, please"}],
        "mock_response": "Hello there, my dear friend!",
        "user": user,
    }


def call(model, *, user="acme"):
    report(litellm.completion(model=model, **arguments(user)))


async def call_async(model):
    report(await litellm.acompletion(model=model, **arguments("acme")))
    # The callback runs beside the call; LiteLLM has no way to wait for it.
    await asyncio.sleep(2)


def report(response):
    said = {
        "id": response.id,
        "model": response.model,
        "prompt_tokens": response.usage.prompt_tokens,
        "completion_tokens": response.usage.completion_tokens,
    }
    sys.stdout.write(json.dumps(said) + "\n")


call("gpt-4o")
call("claude-sonnet-4-5")
call("openai/a-model-of-our-own")
asyncio.run(call_async("gpt-4o-mini"))
call("gpt-4o", user="nobody")
litellm.utils.executor.shutdown(wait=True)

os.environ["OPENMETER_API_KEY"] = "af_wrong"
asyncio.run(call_async("gpt-4o"))

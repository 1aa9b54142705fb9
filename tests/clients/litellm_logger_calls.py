"""Runs in the environment of the client libraries: calls models through LiteLLM, whose generic logger reports them.

Each form of the log that FORMS names is used once. Prints one JSON line per call with what LiteLLM says about it.
"""

import asyncio
import json
import os
import sys
from contextlib import suppress

import litellm
from litellm.integrations.generic_api.generic_api_callback import GenericAPILogger

URL, KEY = os.environ["URL"], os.environ["KEY"]
FORMS = os.environ["FORMS"].split(",")


async def call(model, *, user="acme", mock="jumps over the lazy dog"):
    response = await litellm.acompletion(
        model=model,
        messages=[{"role": "user", "content": "the quick brown fox"}],
        mock_response=mock,
        user=user,
        metadata={"user_api_key_end_user_id": user, "requester_metadata": {"feature": "chat"}, "tags": ["prod"]},
    )
    said = {"id": response.id, "in": response.usage.prompt_tokens, "out": response.usage.completion_tokens}
    sys.stdout.write(json.dumps(said) + "\n")


async def through(path, form):
    logger = GenericAPILogger(
        endpoint=URL + path,
        headers={"Authorization": f"Bearer {KEY}"},
        log_format=form,
        max_retries=3,
        retry_delay=0.1,
    )
    litellm.callbacks = [logger]
    for model in ("gpt-4o", "claude-sonnet-4-5"):
        await call(model)
    await asyncio.sleep(1)
    await logger.async_send_batch()
    return logger


async def main():
    for form in FORMS:
        await through("/api/v1/litellm", form)
    logger = await through("/api/v1/usage", "json_array")
    await call("gpt-4o", user="nobody")
    with suppress(litellm.exceptions.InternalServerError):
        await call("gpt-4o", mock=Exception("the provider is down"))
    await asyncio.sleep(1)
    await logger.async_send_batch()


asyncio.run(main())

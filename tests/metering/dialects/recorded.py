"""Requests as unmodified clients send them, shortened: (path, content type, body)."""

CALL_ID = "chatcmpl-9b0cafce-ce0f-40ce-9eb1-14a4e8b2a4b0"

LITELLM_OPENMETER = {
    "specversion": "1.0",
    "type": "litellm_tokens",
    "id": CALL_ID,
    "time": "2026-11-23T05:07:29.246866+00:00",
    "subject": "acme",
    "source": "litellm-proxy",
    "data": {"model": "gpt-4o", "cost": 0.000225, "prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30},
}
OPENMETER_SDK = {
    "id": "evt-1",
    "source": "my-app",
    "specversion": "1.0",
    "type": "prompt",
    "subject": "acme",
    "time": "2026-11-23T05:10:16.542010Z",
    "data": {"tokens": "123", "model": "gpt-4o"},
}
LITELLM_LAGO = {
    "transaction_id": "7850e8d1-caac-4e67-93b8-a4e0c795ac0b",
    "external_subscription_id": "acme",
    "code": "llm_usage",
    "properties": {
        "model": "gpt-4o",
        "response_cost": 0.000225,
        "prompt_tokens": 10,
        "completion_tokens": 20,
        "total_tokens": 30,
    },
}
LAGO_SDK = {
    "transaction_id": "tx-1",
    "external_subscription_id": "sub-42",
    "code": "llm_usage",
    "timestamp": "1795410615",
    "precise_total_amount_cents": None,
    "properties": {"model": "gpt-4o", "tokens": 124},
}
AMBERFLO_SDK = {
    "uniqueId": "evt-0",
    "meterApiName": "llm_tokens",
    "meterValue": 123,
    "customerId": "acme",
    "meterTimeInMillis": 1795410613504,
    "dimensions": {"model": "gpt-4o", "type": "input"},
}
AMBERFLO_IN_LITELLM = {
    "customerId": "acme",
    "values": {"input_tokens": 10, "output_tokens": 20},
    "meterTimeInMillis": 1795410613504,
    "dimensions": {"model": "gpt-4o", "object": "chat.completion"},
    "uniqueId": "u-1",
}
_CALLBACK_DIMENSIONS = {
    "business_unit_id": "acme",
    "team": "team-7",
    "hosted_env": "unknown",
    "key_name": "prod",
    "model": "claude-opus-4-5",
    "platform": "anthropic",
    "provider": "anthropic",
    "usecase": "acompletion",
    "user": "default_user_id",
    "gateway": "litellm",
    "tier": "n",
    "batch": "n",
}
_CALLBACK = {"meterTimeInMillis": 1767988453954, "uniqueId": CALL_ID}
AMBERFLO_CALLBACK = [
    {
        "meterApiName": "aflo.object_metadata",
        "meterValue": 1,
        "meterTimeInMillis": 1767988453954,
        "dimensions": {"type": "business_unit", "id": "acme", "name": "Acme"},
    },
    {**_CALLBACK, "meterApiName": "llm_api_call", "meterValue": 1, "dimensions": {**_CALLBACK_DIMENSIONS}},
    {
        **_CALLBACK,
        "meterApiName": "llm_text_tokens",
        "meterValue": 11,
        "dimensions": {**_CALLBACK_DIMENSIONS, "type": "in", "cache": "n"},
    },
    {
        **_CALLBACK,
        "meterApiName": "llm_text_tokens",
        "meterValue": 8,
        "dimensions": {**_CALLBACK_DIMENSIONS, "type": "out", "cache": "n"},
    },
]
LITELLM_GENERIC = {
    "id": CALL_ID,
    "litellm_call_id": "bf2299e4-fc6b-4cd9-aa6a-cc4563b7f916",
    "trace_id": "4b142772-4868-448d-b317-dcc52c8d0975",
    "session_id": "",
    "call_type": "acompletion",
    "cache_hit": None,
    "status": "success",
    "custom_llm_provider": "anthropic",
    "saved_cache_cost": 0.0,
    "startTime": 1795410479.532177,
    "endTime": 1795410479.67261,
    "model": "claude-sonnet-4-5",
    "metadata": {
        "user_api_key_alias": None,
        "user_api_key_team_id": "team-7",
        "user_api_key_team_alias": None,
        "user_api_key_user_id": "acme",
        "user_api_key_org_id": "org-1",
        "user_api_key_end_user_id": None,
        "spend_logs_metadata": None,
        "requester_metadata": {"feature": "chat", "note": "x" * 5000},
        "usage_object": {
            "completion_tokens": 20,
            "prompt_tokens": 10,
            "total_tokens": 30,
            "completion_tokens_details": None,
            "prompt_tokens_details": {"cached_tokens": 4},
        },
    },
    "response_cost": 0.00033,
    "cost_breakdown": {"input_cost": 3e-05, "output_cost": 0.0003, "total_cost": 0.00033},
    "total_tokens": 30,
    "prompt_tokens": 10,
    "completion_tokens": 20,
    "request_tags": ["prod", "checkout"],
    "end_user": None,
    "messages": [{"role": "user", "content": "the quick brown fox"}],
    "response": {"id": CALL_ID, "choices": [{"message": {"content": "the quick brown fox"}}]},
    "model_parameters": {"user": "acme"},
    "hidden_params": {"additional_headers": {}},
}
OTHERS = {
    "native": {"id": "e1", "customer": "acme", "type": "llm_call", "properties": {"model": "m", "input_tokens": 1}},
}

REQUESTS = [
    ("/api/v1/events", "application/cloudevents+json", LITELLM_OPENMETER),
    ("/api/v1/events", "application/cloudevents-batch+json", [OPENMETER_SDK]),
    ("/api/v1/events", "application/json", {"event": LITELLM_LAGO}),
    ("/api/v1/events/batch", "application/json", {"events": [LAGO_SDK, LITELLM_LAGO]}),
    ("/ingest/", "application/json", AMBERFLO_SDK),
    ("/ingest", "application/json", [AMBERFLO_SDK, AMBERFLO_IN_LITELLM]),
    ("/", "application/octet-stream", AMBERFLO_CALLBACK),
    ("/api/v1/litellm", "application/json", [LITELLM_GENERIC]),
    ("/api/v1/usage", "application/json", LITELLM_GENERIC),
    ("/api/v1/usage", "application/json", [OTHERS["native"]]),
]

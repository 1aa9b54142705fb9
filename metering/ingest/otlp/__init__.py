"""OpenTelemetry's traces: the spans of a request in either encoding, and which of them are calls of a model."""

// Reports calls through OpenTelemetry's exporters, as Vercel's AI SDK, OpenLLMetry and OpenInference describe them.

import { createServer } from "node:http";
import { OpenAIInstrumentation } from "@arizeai/openinference-instrumentation-openai";
import { setUser } from "@arizeai/openinference-core";
import { context, trace } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { OpenAIInstrumentation as OpenLLMetry } from "@traceloop/instrumentation-openai";
import { embed, generateText, streamText, tool } from "ai";
import { MockEmbeddingModelV3, MockLanguageModelV3, simulateReadableStream } from "ai/test";
import OpenAI from "openai";
import { z } from "zod";
import { key, step, url } from "./steps.mjs";

const settings = { url: `${url}/v1/traces`, headers: { Authorization: `Bearer ${key}` }, compression: "gzip" };

/** What the exporter says of each request. */
function watched(exporter, name) {
  const send = exporter.export.bind(exporter);
  exporter.export = (spans, done) => send(spans, (result) => {
    step(name, () => ({ code: result.code, error: result.error?.message ?? null, status: result.error?.code ?? null }));
    done(result);
  });
  return exporter;
}

function provider(exporter, name, attributes = {}) {
  const spanProcessors = [new SimpleSpanProcessor(watched(exporter, name))];
  return new NodeTracerProvider({ spanProcessors, resource: resourceFromAttributes(attributes) });
}

const usage = (input, output) => ({
  inputTokens: { total: input, noCache: input - 40, cacheRead: 40, cacheWrite: undefined },
  outputTokens: { total: output, text: output - 5, reasoning: 5 },
});
const metadata = { customer_id: "acme", userId: "someone" };

for (const [name, Exporter] of [["json", JsonExporter], ["protobuf", ProtobufExporter]]) {
  const own = provider(new Exporter(settings), `${name} exporter`);
  const span = own.getTracer("app").startSpan("chat gpt-4o");
  span.setAttributes({
    "amberflow.customer": "acme", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o", "gen_ai.response.id": `chatcmpl-${name}`, "gen_ai.usage.input_tokens": 1200,
    "gen_ai.usage.cache_read.input_tokens": 1000, "gen_ai.usage.output_tokens": 350,
    "gen_ai.input.messages": '[{"role": "user", "content": "secret"}]' });
  span.end();
  await own.shutdown();
}
for (const [name, Exporter] of [["json", JsonExporter], ["protobuf", ProtobufExporter]]) {
  const stranger = provider(new Exporter({ ...settings, headers: { Authorization: "Bearer af_no" } }), `${name} key`);
  stranger.getTracer("app").startSpan("chat").end();
  await stranger.shutdown();
  const nobody = provider(new Exporter(settings), `${name} nobody`);
  nobody.getTracer("app").startSpan("chat", { attributes: { "gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 5 } }).end();
  await nobody.shutdown();
}

// The AI SDK: a span around, one for each call of the model within it, one for each use of a tool.
const vercel = provider(new JsonExporter(settings), "vercel");
const tracer = vercel.getTracer("ai");
const telemetry = { experimental_telemetry: { isEnabled: true, functionId: "chat", metadata, tracer } };
let calls = 0;
const model = new MockLanguageModelV3({
  provider: "openai.chat", modelId: "gpt-4o",
  doGenerate: async () => ({
    content: calls++ ? [{ type: "text", text: "secret" }]
      : [{ type: "tool-call", toolCallId: "t-1", toolName: "weather", input: "{}" }],
    finishReason: calls > 1 ? { unified: "stop", raw: "stop" } : { unified: "tool-calls", raw: "tool_calls" },
    usage: usage(100 * calls, 10 * calls), warnings: [],
    response: { id: `chatcmpl-vercel-${calls}`, modelId: "gpt-4o-2024-08-06", timestamp: new Date() },
  }),
  doStream: async () => ({ stream: simulateReadableStream({ chunks: [
    { type: "stream-start", warnings: [] },
    { type: "response-metadata", id: "chatcmpl-vercel-stream", modelId: "gpt-4o", timestamp: new Date() },
    { type: "text-start", id: "1" }, { type: "text-delta", id: "1", delta: "secret" }, { type: "text-end", id: "1" },
    { type: "finish", finishReason: { unified: "stop", raw: "stop" }, usage: usage(300, 30) }] }) }),
});
await step("generateText", async () => (await generateText({
  model, prompt: "secret", ...telemetry, stopWhen: ({ steps }) => steps.length > 1,
  tools: { weather: tool({ inputSchema: z.object({}), execute: async () => "secret" }) } })).totalUsage.inputTokens);
await step("streamText", async () => {
  const result = streamText({ model, prompt: "secret", ...telemetry });
  await result.consumeStream();
  return (await result.totalUsage).inputTokens;
});
await step("embed", async () => (await embed({
  model: new MockEmbeddingModelV3({
    provider: "openai.embedding", modelId: "text-embedding-3-small",
    doEmbed: async () => ({ embeddings: [[0.1]], usage: { tokens: 7 }, warnings: [] }) }),
  value: "secret", ...telemetry })).usage.tokens);
await vercel.forceFlush();

// Two instrumentations of OpenAI's client, in front of a server that answers as OpenAI does.
const openai = createServer((request, response) => {
  request.resume();
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify({
    id: `chatcmpl-${request.headers["x-by"]}`, object: "chat.completion", created: 1, model: "gpt-4o-2024-08-06",
    choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "secret" } }],
    usage: {
      prompt_tokens: 500, completion_tokens: 50, total_tokens: 550,
      prompt_tokens_details: { cached_tokens: 100 }, completion_tokens_details: { reasoning_tokens: 20 } } }));
});
await new Promise((ready) => openai.listen(0, "127.0.0.1", ready));
const instrumentations = [["openinference", OpenAIInstrumentation, {}], ["openllmetry", OpenLLMetry, { "customer.id": "acme" }]];
for (const [name, Instrumentation, resource] of instrumentations) {
  const instrumented = provider(new ProtobufExporter(settings), name, resource);
  instrumented.register();
  const instrumentation = new Instrumentation();
  instrumentation.setTracerProvider(instrumented);
  instrumentation.manuallyInstrument(OpenAI);
  const client = new OpenAI({ apiKey: "x", baseURL: `http://127.0.0.1:${openai.address().port}/v1` });
  const asked = { model: "gpt-4o", messages: [{ role: "user", content: "secret" }] };
  await context.with(setUser(context.active(), { userId: "acme" }), () => step(`${name} call`, async () =>
    (await client.chat.completions.create(asked, { headers: { "x-by": name } })).usage.total_tokens));
  await instrumented.forceFlush();
  instrumentation.disable();
  trace.disable();
  context.disable();
}
openai.close();

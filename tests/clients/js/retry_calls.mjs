// One report through each client that sends again by itself what a server failed to answer.

import Metronome from "@metronome/sdk";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";
import Orb from "orb-billing";
import Stripe from "stripe";
import { key, now, step } from "./steps.mjs";

// Each has a server of its own, which loses its first answer.
const { ORB, METRONOME, STRIPE, OTLP } = process.env;

await step("orb", () => new Orb({ apiKey: key, baseURL: `${ORB}/v1` }).events.ingest({ events: [
  { event_name: "request", timestamp: now, idempotency_key: "r", external_customer_id: "acme", properties: { value: 1 } }] }));
await step("metronome", () => new Metronome({ bearerToken: key, baseURL: METRONOME }).v1.usage.ingest({ usage: [
  { transaction_id: "r", customer_id: "acme", event_type: "request", timestamp: now, properties: { value: "1" } }] }));
const { port, hostname } = new URL(STRIPE);
const stripe = new Stripe(key, { host: hostname, port, protocol: "http" });
await step("stripe", async () => (await stripe.billing.meterEvents.create({
  event_name: "request", payload: { stripe_customer_id: "cus_acme", value: "1" } })).event_name);
const exporter = new OTLPTraceExporter({
  url: `${OTLP}/v1/traces`, headers: { Authorization: `Bearer ${key}` }, compression: "gzip" });
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
await step("otlp", async () => {
  const attributes = { "gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 5, "customer.id": "acme" };
  provider.getTracer("app").startSpan("chat", { attributes }).end();
  await provider.shutdown();
});
// Stripe's client keeps the connection on which it was refused open for its time-out.
process.exit();

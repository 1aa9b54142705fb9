// Reports usage through the clients of Orb, Metronome, Flexprice, Polar, Autumn, Kill Bill and Stripe.

import { Flexprice } from "@flexprice/sdk";
import Metronome from "@metronome/sdk";
import { createPolar as createPolar202604 } from "@polar-sh/sdk/2026-04";
import { createPolar as createPolar202610 } from "@polar-sh/sdk/2026-10";
import { createPolar as createPolar202701 } from "@polar-sh/sdk/2027-01";
import { Autumn } from "autumn-js";
import killbill from "killbill";
import Orb from "orb-billing";
import { Polar } from "polar-sdk-0";
import Stripe from "stripe";
import { key, now, step, url } from "./steps.mjs";

const orb = new Orb({ apiKey: key, baseURL: `${url}/v1` });
const orbEvent = (id, changes = {}) => ({
  event_name: "request", timestamp: now, idempotency_key: id, external_customer_id: "acme", properties: { value: 1 }, ...changes });
await step("orb", () => orb.events.ingest({ events: [orbEvent("a"), orbEvent("b")] }, { query: { debug: true } }));
await step("orb again", () => orb.events.ingest({ events: [orbEvent("a"), orbEvent("c")] }, { query: { debug: true } }));
await step("orb bad", () => orb.events.ingest({ events: [orbEvent("d", { event_name: "" })] }));
await step("orb key", () => new Orb({ apiKey: "af_no", baseURL: `${url}/v1` }).events.ingest({ events: [orbEvent("e")] }));

const metronome = new Metronome({ bearerToken: key, baseURL: url });
const metronomeEvent = (id, customer = "acme") => ({
  transaction_id: id, customer_id: customer, event_type: "request", timestamp: now, properties: { value: "1" } });
await step("metronome", () => metronome.v1.usage.ingest({ usage: [metronomeEvent("a"), metronomeEvent("b")] }));
await step("metronome again", () => metronome.v1.usage.ingest({ usage: [metronomeEvent("b")] }));
await step("metronome bad", () => metronome.v1.usage.ingest({ usage: [metronomeEvent("c", "")] }));
await step("metronome key", () =>
  new Metronome({ bearerToken: "af_no", baseURL: url }).v1.usage.ingest({ usage: [metronomeEvent("b")] }));

const flexprice = new Flexprice({ serverURL: `${url}/v1`, apiKeyAuth: key });
const flexpriceEvent = (id, name = "request") => ({
  eventName: name, externalCustomerId: "acme", eventId: id, timestamp: now, properties: { value: "1" } });
await step("flexprice", () => flexprice.events.ingestEvent(flexpriceEvent("a")));
await step("flexprice many", () =>
  flexprice.events.ingestEventsBulk({ events: [flexpriceEvent("a"), flexpriceEvent("b")] }));
await step("flexprice bad", () => flexprice.events.ingestEvent(flexpriceEvent("c", "")));
await step("flexprice key", () =>
  new Flexprice({ serverURL: `${url}/v1`, apiKeyAuth: "af_no" }).events.ingestEvent(flexpriceEvent("a")));

const polar = new Polar({ accessToken: key, serverURL: url });
const polarEvent = (id, changes = {}) => ({
  name: "request", externalCustomerId: "acme", externalId: id, timestamp: new Date(now), metadata: { value: 1 }, ...changes });
await step("polar 0", () => polar.events.ingest({ events: [polarEvent("a"), polarEvent("b")] }));
await step("polar 0 again", () => polar.events.ingest({ events: [polarEvent("a")] }));
await step("polar 0 bad", () => polar.events.ingest({ events: [polarEvent("c", { name: "" })] }));
await step("polar 0 key", () =>
  new Polar({ accessToken: "af_no", serverURL: url }).events.ingest({ events: [polarEvent("a")] }));
const versions = { "2026-04": createPolar202604, "2026-10": createPolar202610, "2027-01": createPolar202701 };
for (const [version, createPolar] of Object.entries(versions)) {
  const client = createPolar({ accessToken: key, baseUrl: url });
  const event = (id, changes = {}) => ({
    name: "request", external_customer_id: "acme", external_id: `${version} ${id}`, timestamp: now,
    metadata: { value: 1, _llm: { vendor: "openai", model: "gpt-4o", input_tokens: 1, output_tokens: 1, total_tokens: 2 } },
    ...changes });
  await step(`polar ${version}`, () => client.events.ingest({ events: [event("a"), event("b")] }));
  await step(`polar ${version} again`, () => client.events.ingest({ events: [event("a")] }));
  await step(`polar ${version} bad`, () => client.events.ingest({ events: [event("c", { name: "" })] }));
  await step(`polar ${version} key`, () =>
    createPolar({ accessToken: "af_no", baseUrl: url }).events.ingest({ events: [event("a")] }));
}

const autumn = new Autumn({ secretKey: key, serverURL: url });
await step("autumn", () => autumn.track({ customerId: "acme", featureId: "request", value: 3 }));
await step("autumn tokens", () =>
  autumn.trackTokens({ customerId: "acme", modelId: "openai/gpt-4o", inputTokens: 5, outputTokens: 2 }));
await step("autumn many", () => autumn.batchTrack([{ customerId: "acme", featureId: "request", value: 1 }]));
await step("autumn bad", () => autumn.track({ customerId: "", featureId: "request", value: 3 }));
await step("autumn key", () =>
  new Autumn({ secretKey: "af_no", serverURL: url }).track({ customerId: "acme", featureId: "request" }));

const usages = new killbill.UsageApi(new killbill.Configuration({
  username: key, password: "x", apiKey: killbill.apiKey("bob", "lazar"), basePath: url }));
const usage = (id, unit = "request") => ({
  subscriptionId: "acme", trackingId: id, unitUsageRecords: [
    { unitType: unit, usageRecords: [{ recordDate: now.slice(0, 10), amount: 4 }] }] });
await step("killbill", async () => (await usages.recordUsage(usage("t"), "tester")).status);
await step("killbill again", () => usages.recordUsage(usage("t"), "tester"));
await step("killbill bad", () => usages.recordUsage(usage("u", ""), "tester"));

const { port, hostname } = new URL(url);
const stripe = new Stripe(key, { host: hostname, port, protocol: "http", maxNetworkRetries: 2 });
const payload = { stripe_customer_id: "cus_acme", value: "5" };
await step("stripe", () => stripe.billing.meterEvents.create({ event_name: "request", payload, identifier: "js-1" }));
await step("stripe again", () => stripe.billing.meterEvents.create({ event_name: "request", payload, identifier: "js-1" }));
await step("stripe v2", () =>
  stripe.v2.billing.meterEvents.create({ event_name: "request", payload, identifier: "js-2", timestamp: now }));
await step("stripe without id", () => stripe.billing.meterEvents.create({ event_name: "request", payload }));
await step("stripe session", async () => {
  const session = await stripe.v2.billing.meterEventSession.create();
  const streaming = new Stripe(session.authentication_token, { host: hostname, port, protocol: "http" });
  return streaming.rawRequest("POST", "/v2/billing/meter_event_stream", {
    events: [{ event_name: "request", payload, identifier: "js-3" }] });
});
await step("stripe bad", () => stripe.billing.meterEvents.create({ event_name: "", payload, identifier: "js-4" }));
await step("stripe no customer", () =>
  stripe.v2.billing.meterEvents.create({ event_name: "request", payload: { value: "1" } }));
await step("stripe key", () =>
  new Stripe("af_no", { host: hostname, port, protocol: "http" }).billing.meterEvents.create({ event_name: "request", payload }));
await step("stripe meters", () => stripe.billing.meters.list());

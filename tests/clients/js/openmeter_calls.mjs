// Reports and reads usage through OpenMeter's client.

import { OpenMeter } from "@openmeter/sdk";
import { key, step, url } from "./steps.mjs";

const client = new OpenMeter({ baseUrl: url, apiKey: key });
const event = { id: "js-1", source: "app", type: "request", subject: "acme", data: { value: 2, region: "eu" } };
const fixed = { ...event, time: new Date() };

await step("one", () => client.events.ingest(fixed));
await step("the same again", () => client.events.ingest(fixed));
await step("many", () => client.events.ingest([2, 3].map((number) => ({ ...fixed, id: `js-${number}` }))));
await step("without id, source and time", () =>
  client.events.ingest({ type: "request", subject: "acme", data: { value: "1.5" } }));
await step("without subject", () => client.events.ingest({ ...fixed, id: "js-4", subject: "" }));
await step("wrong key", () => new OpenMeter({ baseUrl: url, apiKey: "af_no" }).events.ingest(fixed));
await step("meters", () => client.meters.list());
await step("meter", () => client.meters.get("requests"));
await step("query", () => client.meters.query("requests", { subject: ["acme"], from: new Date(Date.now() - 864e5) }));
await step("query by region", () => client.meters.query("requests", { groupBy: ["region"], filterGroupBy: { region: "eu" } }));
await step("query no meter", () => client.meters.query("none"));
await step("events", () => client.events.list({ limit: 2 }));
await step("events of a subject", () =>
  client.events.list({ subject: "acme", id: "js-1", from: new Date(Date.now() - 36e5), to: new Date(Date.now() + 36e5) }));
await step("events v2", () => client.events.listV2({ limit: 2, filter: JSON.stringify({ subject: { $eq: "acme" } }) }));
await step("subjects", () => client.subjects.list());
await step("subject", () => client.subjects.get("acme"));
await step("customers", () => client.customers.list({ key: "acme" }));
await step("customer", () => client.customers.get("acme"));
const groups = "/api/v1/meters/{meterIdOrSlug}/group-by/{groupByKey}/values";
await step("group by values", async () => {
  const path = { meterIdOrSlug: "requests", groupByKey: "region" };
  return (await client.client.GET(groups, { params: { path } })).data;
});

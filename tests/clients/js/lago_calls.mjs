// Reports and reads usage through Lago's client.

import { Client, getLagoError } from "lago-javascript-client";
import { key, step, url } from "./steps.mjs";

const client = Client(key, { baseUrl: `${url}/api/v1` });
const event = {
  transaction_id: "js-1", external_subscription_id: "acme", code: "request", timestamp: Math.floor(Date.now() / 1000),
  properties: { value: 2 },
};
const asked = (send) => async () => {
  try {
    return (await send()).data;
  } catch (error) {
    return { status: error.status, answer: await getLagoError(error) };
  }
};

await step("one", asked(() => client.events.createEvent({ event })));
await step("the same again", asked(() => client.events.createEvent({ event })));
await step("many", asked(() => client.events.createBatchEvents({
  events: [2, 3].map((number) => ({ ...event, transaction_id: `js-${number}` })) })));
await step("bad event", asked(() => client.events.createEvent({ event: { ...event, transaction_id: "js-4", code: "" } })));
await step("find", asked(() => client.events.findEvent("js-1")));
await step("metrics", asked(() => client.billableMetrics.findAllBillableMetrics()));
await step("wrong key", asked(() => Client("af_no", { baseUrl: `${url}/api/v1` }).events.createEvent({ event })));

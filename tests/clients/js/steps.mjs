// What every script here needs: where to send, and a JSON line per step with what the client saw.

export const { URL: url, KEY: key } = process.env;
export const now = new Date().toISOString();

/** Print what came of a step: what the client returned, or the error that it raised. */
export async function step(name, send) {
  let line;
  try {
    line = { step: name, saw: (await send()) ?? null };
  } catch (error) {
    const status = error.status ?? error.statusCode ?? error.response?.status ?? null;
    const told = [error.message, error.error, error.response?.data, error.body, error.detail].filter(Boolean);
    line = { step: name, error: error.constructor.name, status, told: JSON.stringify(told) };
  }
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

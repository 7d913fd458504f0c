// A Kronos client. Every path, parameter and response is typed from the API's OpenAPI document (src/api.d.ts).
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./api.js";

export type Job = components["schemas"]["Job"];
export type Execution = components["schemas"]["Execution"];
export type Problem = components["schemas"]["Problem"];

/** An error response of the API. */
export class KronosError extends Error {
  constructor(readonly problem: Problem) {
    super(`${problem.status} ${problem.code}: ${problem.detail} (request ${problem.request_id})`);
  }
}

export type Kronos = Client<paths>;

export function kronos(url: string, key: string): Kronos {
  return createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${key}` } });
}

/** Return the response's data. Throws KronosError for an error response. */
export async function sure<T>(answer: Promise<{ data?: T; error?: unknown }>): Promise<T> {
  const { data, error } = await answer;
  if (error !== undefined) throw new KronosError(error as Problem);
  return data as T;
}

/** Iterate over a workspace's jobs, fetching pages as needed. */
export async function* jobs(api: Kronos, w: string): AsyncGenerator<Job> {
  let cursor: string | undefined;
  do {
    const query = { limit: 2, ...(cursor === undefined ? {} : { cursor }) };
    const page = await sure(api.GET("/v1/workspaces/{w}/jobs", { params: { path: { w }, query } }));
    yield* page.data;
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
}

const ENDED = ["SUCCESS", "FAILED", "CANCELLED", "SKIPPED", "MISSED", "EXPIRED"];

/** Wait until the execution has ended and return it. Throws after `milliseconds`. */
export async function ended(api: Kronos, w: string, e: string, milliseconds = 60_000): Promise<Execution> {
  const until = Date.now() + milliseconds;
  for (;;) {
    const found = await sure(api.GET("/v1/workspaces/{w}/executions/{e}", { params: { path: { w, e } } }));
    if (ENDED.includes(found.status)) return found;
    if (Date.now() > until) throw new Error(`execution ${e} is still ${found.status}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

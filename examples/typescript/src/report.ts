// Create a job, wait for its run, list the workspace's jobs, and show an error response.
//   Environment: KRONOS_URL, KRONOS_API_KEY. Arguments: a workspace, and an endpoint in it.
import { randomUUID } from "node:crypto";
import { KronosError, ended, jobs, kronos, sure } from "./kronos.js";

const [workspace = "acme", endpoint = "report"] = process.argv.slice(2);
const api = kronos(process.env.KRONOS_URL ?? "http://127.0.0.1:8080", process.env.KRONOS_API_KEY ?? "");
const path = { w: workspace };

const job = await sure(
  api.POST("/v1/workspaces/{w}/jobs", {
    params: { path, header: { "Idempotency-Key": randomUUID() } },
    body: { endpoint, trigger: "IMMEDIATE", input: { id: 7 } },
  }),
);
const runs = await sure(api.GET("/v1/workspaces/{w}/jobs/{j}/executions", { params: { path: { ...path, j: job.job_id } } }));
const run = runs.data[0];
if (run !== undefined) {
  const execution = await ended(api, workspace, run.execution_id);
  console.log(`${execution.status} after ${execution.attempt_count} attempt`);
}

let number = 0;
for await (const each of jobs(api, workspace)) number += each.endpoint === endpoint ? 1 : 0;
console.log(`${number} jobs go to ${endpoint}`);

try {
  await sure(
    api.POST("/v1/workspaces/{w}/jobs", { params: { path }, body: { endpoint, trigger: "CRON", cron: "60 * * * *" } }),
  );
} catch (error) {
  if (!(error instanceof KronosError)) throw error;
  console.log(`${error.problem.code} at ${error.problem.errors?.[0]?.pointer}`);
}

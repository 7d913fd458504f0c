// graphile-worker: the preset from its performance page; finished jobs are deleted, as always.
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import pg from "pg";
import { DATABASE, obey } from "./orders.mjs";

const logger = new Logger(() => (level, message) => { if (level === "error") console.error(message); });
const PRESET = { connectionString: DATABASE, logger, concurrentJobs: 24, maxPoolSize: 25 };
// Trades latency for throughput.
const BATCHED = { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };

class Peer {
  async install() {
    const utils = await makeWorkerUtils({ connectionString: DATABASE, logger });
    await utils.migrate();
    await utils.release();
  }

  async connect(callers) {
    const pgPool = new pg.Pool({ connectionString: DATABASE, min: callers, max: callers });
    pgPool.on("error", (error) => console.error(error));
    this.utils = await makeWorkerUtils({ pgPool, logger });
  }

  add(payload) { return this.utils.addJob("job", payload); }

  addMany(inputs) { return this.utils.addJobs(inputs.map((payload) => ({ identifier: "job", payload }))); }

  async start(handle, hasMany) {
    await run({ preset: { worker: { ...PRESET, ...(hasMany ? BATCHED : {}) } }, taskList: { job: handle }, crontab: "", noHandleSignals: true });
    this.observer = new pg.Client({ connectionString: DATABASE });
    await this.observer.connect();
  }

  async unfinished() {
    const { rows } = await this.observer.query("select count(*)::int as count from graphile_worker._private_jobs");
    return rows[0].count;
  }
}

await obey(new Peer());

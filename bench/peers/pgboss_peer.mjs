// pg-boss: bursts of batches for throughput, LISTEN/NOTIFY for latency; finished jobs are kept, its default.
import pg from "pg";
import { PgBoss } from "pg-boss";
import { DATABASE, obey } from "./orders.mjs";

const QUEUE = "bench";

class Peer {
  async boss(max, more = {}) {
    const boss = new PgBoss({ connectionString: DATABASE, max, ...more });
    boss.on("error", (error) => console.error(error));
    await boss.start();
    return boss;
  }

  async install() {
    const boss = await this.boss(2);
    await boss.createQueue(QUEUE, { notify: true });
  }

  async connect(callers) { this.sender = await this.boss(callers, { supervise: false, schedule: false }); }

  add(data) { return this.sender.send(QUEUE, data); }

  addMany(inputs) { return this.sender.insert(QUEUE, inputs.map((data) => ({ data }))); }

  async start(handle, hasMany) {
    const worker = await this.boss(10, { useListenNotify: !hasMany });
    const bursts = { batchSize: 250, localConcurrency: 2, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 };
    // One result per job: a failed delivery does not fail its batch.
    await worker.work(QUEUE, { ...(hasMany ? bursts : { batchSize: 10 }), perJobResults: true }, (jobs) => Promise.all(jobs.map(async (job) => {
      try {
        await handle(job.data);
        return { id: job.id, status: "completed" };
      } catch (error) {
        return { id: job.id, status: "failed", output: { message: String(error) } };
      }
    })));
    this.observer = new pg.Client({ connectionString: DATABASE });
    await this.observer.connect();
  }

  async unfinished() {
    const { rows } = await this.observer.query("select count(*)::int as count from pgboss.job where state < 'completed'");
    return rows[0].count;
  }
}

await obey(new Peer());

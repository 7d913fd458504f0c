// Executes the benchmark's orders with a Node peer. Each order is a line of JSON on standard input, its answer one on standard output.
// A peer has: install(), connect(callers), add(input), addMany(inputs), start(handle, hasMany), unfinished().
import readline from "node:readline";
import { Pool } from "undici";

export const DATABASE = process.argv[2];

const now = () => Number(process.hrtime.bigint()) / 1e9; // the same monotonic clock as Python's time.monotonic()
const sleep = (ms) => new Promise((wake) => setTimeout(wake, Math.max(0, ms)));
const input = (number) => ({ number, order: 4711, customer: "someone", note: "x".repeat(140) });

async function connect(peer, { callers }) {
  await peer.connect(callers);
  for (let at = 0; at < 50; at++) await peer.add(input(at));
  return {};
}

async function enqueue(peer, { callers, seconds }) {
  let count = 0;
  const began = now();
  const caller = async () => {
    while (now() < began + seconds) {
      await peer.add(input(count));
      count++;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return { count, seconds: now() - began };
}

async function fill(peer, { count, chunk }) {
  await peer.connect(1);
  const began = now();
  for (let at = 0; at < count; at += chunk) {
    await peer.addMany(Array.from({ length: Math.min(chunk, count - at) }, (_, nth) => input(at + nth)));
  }
  return { seconds: now() - began };
}

async function deliver(peer, { count, url, connections }) {
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin, { connections, pipelining: 1 });
  const headers = { "content-type": "application/json" };
  let left = count, end;
  const ended = new Promise((resolve) => (end = resolve));
  const began = now();
  await peer.start(async (data) => {
    const answer = await pool.request({ method: "POST", path: pathname, headers, body: JSON.stringify(data) });
    await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`the sink answered ${answer.statusCode}`);
    if (--left === 0) end();
  }, true);
  await ended;
  while (await peer.unfinished()) await sleep(10);
  return { seconds: now() - began };
}

const starts = {};

async function listen(peer, { url, connections }) {
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin, { connections, pipelining: 1 });
  await peer.start(async (data) => {
    starts[data.number] ??= now();
    const headers = { "content-type": "application/json", "idempotency-key": String(data.number) };
    const answer = await pool.request({ method: "POST", path: pathname, headers, body: JSON.stringify(data) });
    await answer.body.text();
  }, false);
  return {};
}

async function trickle(peer, { count, every_seconds }) {
  await peer.connect(1);
  const commits = {};
  for (let at = -10; at < count; at++) {
    await sleep(every_seconds * 1000);
    await peer.add(input(at));
    if (at >= 0) commits[at] = now(); // the first ones warm up plans and caches
  }
  return { commits };
}

const known = {
  install: async (peer) => { await peer.install(); return {}; },
  connect, enqueue, fill, deliver, listen, trickle,
  starts: async () => ({ starts }),
};

export async function obey(peer) {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    const answer = await known[order.do](peer, order);
    process.stdout.write(JSON.stringify(answer) + "\n");
  }
  process.exit(0); // the peer's own shutdown takes seconds, and the measurement is over
}

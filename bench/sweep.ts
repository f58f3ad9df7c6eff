/**
 * What a sweep's queue costs: trials that are taken, report one epoch and finish, one after the other, with nothing trained
 * between. `node --import tsx bench/sweep.ts [--trials 500] [--database postgres://…]`; without a database, the embedded one.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbedded, openPostgres } from '../src/cli/sweep/database.ts';
import type { StudySpec } from '../src/cli/sweep/spec.ts';
import { StudyDatabase } from '../src/cli/sweep/sql-store.ts';

function option(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}

const count = Number(option('--trials') ?? 500);
const url = option('--database');
const folder = await mkdtemp(join(tmpdir(), 'webgpu-vae-bench-'));

const spec: StudySpec = {
  format: 1,
  space: [{ key: 'seed', values: Array.from({ length: count }, (_, i) => i) }],
  fixed: {},
  trials: count,
  seeds: 1,
  search: 'grid',
  // Another study every time.
  searchSeed: Date.now(),
  stop: { name: 'asha', from: 1, factor: 3 },
  transpose: false,
  trainSize: null,
  testSize: null,
  variant: 'auto',
  checkpointEvery: 5,
  data: { name: '', trainCount: 1, testCount: 1, fingerprint: '', testFingerprint: '' },
};

const ms = (since: number, n = 1) => `${((performance.now() - since) / n).toFixed(1)} ms`;

let begun = performance.now();
const database = url === undefined ? await openEmbedded(join(folder, 'db')) : await openPostgres(url);
const studies = await StudyDatabase.open(database, (error) => console.error(error.message));
console.log(`open: ${ms(begun)}`);
begun = performance.now();
const store = await studies.create(spec);
console.log(`queue ${count} trials: ${ms(begun)}, ${ms(begun, count)} a trial`);
begun = performance.now();
// On a machine that others use, too, the processor's time says more.
const before = process.cpuUsage();
let done = 0;
for (; ; done++) {
  const claim = await store.take('bench');
  if (typeof claim === 'string') break;
  await store.report(claim, 1, done);
  const losses = { loss: done };
  const end = { value: done, losses, epochs: 1, step: 1, seconds: 0, adapter: '', error: null };
  await store.finish(claim, { state: 'finished', ...end });
}
const { user, system } = process.cpuUsage(before);
const cpu = ((user + system) / 1000 / done).toFixed(1);
console.log(`take, report and finish ${done} trials: ${ms(begun, done)} a trial, ${cpu} ms of the processor`);
begun = performance.now();
await store.trials();
console.log(`look at all of them: ${ms(begun)}`);
await studies.close();
await rm(folder, { recursive: true, force: true });

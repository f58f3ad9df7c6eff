import { join } from 'node:path';
import { expect } from 'playwright/test';
import { openEmbedded } from '../../src/cli/sweep/database.ts';
import { databaseFiles } from '../../src/cli/sweep/files.ts';
import { shownUrl, withoutPassword } from '../../src/cli/sweep/password.ts';
import type { StudySpec } from '../../src/cli/sweep/spec.ts';
import { MOST_DEATHS, StudyDatabase } from '../../src/cli/sweep/sql-store.ts';
import type { Claim, Outcome } from '../../src/cli/sweep/store.ts';
import { test } from '../cli/command.ts';

const spec: StudySpec = {
  format: 1,
  space: [{ key: 'latent', values: [2, 3] }],
  fixed: {},
  trials: 4,
  seeds: 2,
  search: 'grid',
  searchSeed: 0,
  stop: null,
  transpose: false,
  trainSize: null,
  testSize: null,
  variant: 'auto',
  checkpointEvery: 5,
  data: { name: 'MNIST', trainCount: 1, testCount: 1, fingerprint: '', testFingerprint: '' },
};

const outcome: Outcome = {
  state: 'finished',
  value: 1,
  losses: { loss: 1 },
  epochs: 1,
  step: 1,
  seconds: 1,
  adapter: '',
  error: null,
};

test('one result a trial, whoever comes back from the dead; malformed jobs are refused once', async ({ cwd }) => {
  const database = await openEmbedded(join(cwd, 'db'));
  const studies = await StudyDatabase.open(database, (error) => {
    throw error;
  });
  try {
    const store = await studies.create(spec);
    const take = async () => (await store.take('w')) as Claim;
    for (const data of ['{"trial": "x"}', '{"trial": 99}', '{}', '{"trial": 0, "more": 1}', 'null']) {
      await database.executeSql('INSERT INTO webgpu_vae_jobs.job (name, data, priority) VALUES ($1, $2, 100)', [
        `trials-${store.id}`,
        data,
      ]);
    }
    const first = await take();
    expect(first).toMatchObject({ trial: 0, deaths: 0, config: { latent: 2, seed: 0 } });
    const { rows } = await database.executeSql(
      `SELECT count(*) AS n FROM webgpu_vae_jobs.job WHERE name = $1 AND state = 'completed' AND output->>'refused' IS NOT NULL`,
      [`trials-${store.id}`],
    );
    expect(Number(rows[0]!.n)).toBe(5);

    // Its worker is thought dead, and another one takes the trial: the first one can change nothing any more.
    await store.died(first);
    const second = await take();
    expect(second).toMatchObject({ trial: 0, deaths: 1 });
    expect(await store.beat(first)).toBe('lost');
    expect(await store.putFile(first, 'metrics.csv', new Uint8Array(1))).toBe(false);
    expect(await store.finish(first, { ...outcome, value: 2 })).toBe(false);
    await store.release(first);
    expect(await store.beat(second)).toBe('go on');
    expect(await store.putFile(second, '../../outside', new Uint8Array(1))).toBe(true);
    await expect(databaseFiles(store).getAll(second)).rejects.toThrow('expected a plain name');
    expect(await store.finish(second, outcome)).toBe(true);
    expect(await store.finish(second, { ...outcome, value: 3 })).toBe(false);
    expect((await store.trials())[0]!.outcome!.value).toBe(1);

    // A trial that kills whoever runs it is given up.
    let claim = await take();
    expect(claim).toMatchObject({ trial: 1, config: { latent: 2, seed: 1 } });
    while (claim.trial === 1) {
      await store.died(claim);
      claim = await take();
    }
    const [, given] = await store.trials();
    expect(given).toMatchObject({
      state: 'failed',
      outcome: { error: expect.stringContaining(`${MOST_DEATHS} times`) },
    });

    // Its settings were changed in the database: they are checked by whoever runs it, and here they come as they are.
    expect(claim).toMatchObject({ trial: 2, config: { latent: 3, seed: 0 } });
    // Another process begins with the same database: what was running goes into the queue again, and nothing twice.
    await studies.requeueAll(store.id);
    const again = [await take(), await take()];
    expect(again.map(({ trial }) => trial)).toEqual([2, 3]);
    expect(await store.take('w')).toBe('wait');
    for (const each of again) await store.finish(each, outcome);
    expect(await store.take('w')).toBe('done');
  } finally {
    await studies.close();
  }
});

test("a database's password is in nothing that is shown", () => {
  for (const password of ['s3cret', 'p%40ss%3Aw', 'a/b']) {
    const url = `postgres://me:${password}@host:5433/name?sslmode=require`;
    expect(shownUrl(url)).not.toContain(password);
    for (const secret of [password, decodeURIComponent(password)]) {
      const shown = withoutPassword(new Error(`cannot open ${url}: ${secret} is wrong`), url);
      expect(`${shown.message} ${shown.stack}`).not.toContain(secret);
    }
  }
  expect(shownUrl('postgres://me:x@host:5433/name?password=y')).toBe('postgres://me@host:5433/name');
});

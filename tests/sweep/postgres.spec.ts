import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'playwright/test';
import { DATABASE_VARIABLE } from '../../src/cli/sweep-command.ts';
import { outcome, start, test } from '../cli/command.ts';
import { smallMnist } from '../support/small-mnist.ts';
import { aloneResults, expectSame, killRound, seeded } from './kills.ts';
import { PASSWORD, startPostgres } from './postgres.ts';

test('three workers on a PostgreSQL, of which two are killed: every trial is what it is alone, the password nowhere', async ({
  cwd,
}) => {
  await mkdir(join(cwd, 'mnist'));
  await smallMnist(join(cwd, 'mnist'));
  const server = await startPostgres();
  try {
    const size = { trials: 4, epochs: 3 };
    const round = { cwd, url: server.url, random: seeded(1), out: 'study', ...size };
    const { results, killed } = await killRound(round);
    expect(killed).toBeGreaterThan(0);
    expectSame(results, await aloneResults(cwd, size.trials, size.epochs));
    for (const file of ['study.json', 'trials.csv', 'journal.log', 'report.html']) {
      expect(await readFile(join(cwd, 'study', file), 'utf8'), file).not.toContain(PASSWORD);
    }
    expect(await readdir(join(cwd, 'study'))).not.toContain('db');

    const wrong = server.url.replace(PASSWORD, 'n0ne');
    const refused = await outcome(start(['worker'], cwd, [], { env: { [DATABASE_VARIABLE]: wrong } }));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/^error: --database: cannot connect: password authentication failed/);
    expect(refused.stderr + refused.stdout).not.toContain('n0ne');
  } finally {
    await server.stop();
  }
});

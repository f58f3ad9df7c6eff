/**
 * `npm run bench:against -- <git ref>`: the step times, dispatches and cold start of this checkout beside those of another state
 * of the repository. The table, or with `--json` one line of JSON, goes to stdout.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { type Comparison, compareRounds, type Round } from './comparison.ts';
import { describeMachine, machineLine } from './machine.ts';
import { table } from './table.ts';

const HERE = fileURLToPath(new URL('..', import.meta.url));
const PARTS = ['step', 'cold_start_ms'];
const USAGE = `Usage: npm run bench:against -- <git ref> [options]
  --json             print one JSON object on one line and nothing else
  --adapter <name>   part of an adapter's name; default: the best one
  --rounds <n>       each measures both once, in processes that alternate; default: 5
  --only <parts>     some of ${PARTS.join(',')}; default: both

Both use the packages that are installed here.`;

const run = promisify(execFile);

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      adapter: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      only: { type: 'string', default: PARTS.join(',') },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return print(USAGE);
  const [ref, ...others] = positionals;
  if (ref === undefined || others.length > 0) throw new Error('expected one git ref to compare with, such as main~1');
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new Error(`--rounds: expected an integer from 1, got ${values.rounds}`);
  }
  const unknown = values.only.split(',').find((part) => !PARTS.includes(part));
  if (unknown !== undefined) throw new Error(`--only: there is no part "${unknown}", expected ${PARTS.join(', ')}`);
  const commit = await resolve(ref);

  const folder = await mkdtemp(join(tmpdir(), 'webgpu-vae-against-'));
  try {
    await checkOut(commit, folder);
    const args = [
      '--json',
      '--only',
      values.only,
      ...(values.adapter === undefined ? [] : ['--adapter', values.adapter]),
    ];
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round++) {
      if (process.stderr.isTTY) process.stderr.write(`round ${round + 1} of ${rounds}\n`);
      // Who comes first changes, as a machine may get slower within a round.
      const order = round % 2 === 0 ? (['here', 'there'] as const) : (['there', 'here'] as const);
      const results: Partial<Round> = {};
      for (const side of order) results[side] = await bench(side === 'here' ? HERE : folder, args);
      measured.push(results as Round);
    }
    const comparisons = compareRounds(measured);
    const [adapter, machine] = [measured[0]!.here.adapter, describeMachine()];
    if (values.json) return print(JSON.stringify({ adapter, machine, against: commit, rounds, comparisons }));
    print(`${machineLine(adapter.name, machine)}; against ${commit.slice(0, 7)}\n\n${tableOf(comparisons)}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @throws Error if the repository has no such commit */
async function resolve(ref: string): Promise<string> {
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`];
  const { stdout } = await run('git', args, { cwd: HERE }).catch(() => {
    throw new Error(`there is no commit "${ref}" in this repository: name a commit, a branch or a tag`);
  });
  return stdout.trim();
}

/** A copy of the repository's files as they were, with the packages of this one. */
async function checkOut(commit: string, folder: string): Promise<void> {
  await run('git', ['clone', '--quiet', '--shared', '--no-checkout', HERE, folder]);
  await run('git', ['checkout', '--quiet', '--detach', commit], { cwd: folder });
  await symlink(join(HERE, 'node_modules'), join(folder, 'node_modules'), 'junction');
}

async function bench(cwd: string, args: readonly string[]): Promise<Round['here']> {
  const { stdout } = await run(process.execPath, ['--import', 'tsx', 'bench/bench.ts', ...args], { cwd });
  return JSON.parse(stdout) as Round['here'];
}

function tableOf(comparisons: readonly Comparison[]): string {
  const header = ['', 'here', 'there', 'here / there', 'of single rounds', 'dispatches here', 'there'];
  return table(
    header,
    comparisons.map(({ what, here, there, ratio, dispatches }) => [
      what,
      here,
      there,
      ratio.median,
      `${ratio.min} to ${ratio.max}`,
      dispatches?.here ?? '',
      dispatches?.there ?? '',
    ]),
  );
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`error: ${(error as Error).message}\n`);
  process.exitCode = 1;
});

/**
 * Makes every mistake of tests/mutations in a copy of the tree, one at a time, and expects the tests named beside it to fail
 * there; before that, that they pass in the copy as it is. Writes docs/mutations.md if every mistake was tried and noticed.
 *
 * Run: npm run mutate [-- part of a name]
 */
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { matchesName } from '../../src/host/describe.ts';
import { listAdapters } from '../../src/host/node.ts';
import { MUTATIONS } from './list.ts';
import { type Mutation, mutate, type Target } from './mutation.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const COPIED = [
  'bin',
  'shaders',
  'src',
  'tests',
  'package.json',
  'playwright.config.ts',
  'tsconfig.json',
  'vite.config.ts',
];
/** Copies that are tested at the same time: much of a short test is a process that begins. */
const COPIES = 2;
/** A mistake can make a loop endless. */
const TIMEOUT_MS = 3 * 60_000;
/** How a mistake shows that is none: the tests would notice the compiler and not the arithmetic. */
const NOT_COMPILED = /\.wgsl:\d+:\d+:|SyntaxError|ReferenceError|Transform failed|is not a function/;

interface Suite {
  suites?: Suite[];
  specs?: { title: string; ok: boolean; tests: { results: { errors: { message?: string }[] }[] }[] }[];
}

interface Run {
  /** Tests that ran. */
  count: number;
  /** The first one that failed, and what it said. */
  failed: { title: string; message: string } | undefined;
}

async function copyTree(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'webgpu-vae-mutations-'));
  for (const name of COPIED) await cp(join(ROOT, name), join(folder, name), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'dir');
  return folder;
}

function specsOf(suite: Suite): NonNullable<Suite['specs']> {
  return [...(suite.specs ?? []), ...(suite.suites ?? []).flatMap(specsOf)];
}

/** Runs a target's tests in a copy, until the first one fails. */
async function runTests(folder: string, { spec, grep }: Target, adapter?: string): Promise<Run> {
  const report = join(folder, 'report.json');
  await rm(report, { force: true });
  const options = ['--project=node', '--workers=1', '--max-failures=1', `--timeout=${TIMEOUT_MS}`, '--reporter=json'];
  const args = ['test', ...options, ...(grep === undefined ? [] : ['--grep', grep]), spec];
  const child = spawn(process.execPath, [join(ROOT, 'node_modules', 'playwright', 'cli.js'), ...args], {
    cwd: folder,
    stdio: 'ignore',
    env: { ...process.env, ...(adapter && { WEBGPU_VAE_ADAPTER: adapter }), PLAYWRIGHT_JSON_OUTPUT_FILE: report },
  });
  await new Promise((resolve, reject) => child.on('close', resolve).on('error', reject));
  const result = JSON.parse(await readFile(report, 'utf8')) as Suite & { errors: { message?: string }[] };
  const specs = specsOf(result);
  const failed = specs.find(({ ok, tests }) => !ok && tests.some(({ results }) => results.length > 0));
  const [failure] = failed?.tests.flatMap(({ results }) => results.flatMap(({ errors }) => errors)) ?? [];
  const [trouble] = failed ? [] : result.errors;
  if (trouble) return { count: 0, failed: { title: '', message: trouble.message ?? 'no message' } };
  return { count: specs.length, failed: failed && { title: failed.title, message: failure?.message ?? 'no message' } };
}

/** Does `work` for every item, as many at a time as there are copies. */
async function inCopies<T>(items: readonly T[], work: (folder: string, item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const folders = await Promise.all(Array.from({ length: COPIES }, copyTree));
  try {
    await Promise.all(
      folders.map(async (folder) => {
        for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(folder, item);
      }),
    );
  } finally {
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  }
}

function nameOf({ target: { spec, grep }, on }: Mutation): string {
  return `${spec}${grep === undefined ? '' : ` -g "${grep}"`}${on === undefined ? '' : ` on ${on}`}`;
}

/** What a mistake came to: undefined if it was noticed. */
function complaint({ count, failed }: Run): string | undefined {
  if (failed && NOT_COMPILED.test(failed.message))
    return `is no mistake in arithmetic: ${failed.message.slice(0, 300)}`;
  if (failed) return undefined;
  return count === 0 ? 'no test ran' : `NOT NOTICED by ${count} tests`;
}

function table(noticed: Map<string, string>): string {
  const cell = (text: string) => text.replaceAll('|', '\\|');
  const rows = MUTATIONS.filter(({ name }) => noticed.has(name)).map(
    ({ name, file, target, on }) =>
      `| ${cell(name)} | ${file} | ${target.spec}${on === undefined ? '' : ` on ${on}`} | ${cell(noticed.get(name)!)} |`,
  );
  return ['| Mistake | In | Noticed by | First of its tests to fail |', '|---|---|---|---|', ...rows].join('\n');
}

const [only] = process.argv.slice(2);
const chosen = MUTATIONS.filter(({ name }) => only === undefined || name.includes(only));
if (chosen.length === 0) throw new Error(`mutate: no mistake has "${only}" in its name`);
for (const mutation of chosen) mutate(mutation, await readFile(join(ROOT, mutation.file), 'utf8'));

const { WEBGPU_VAE_ADAPTER: adapter } = process.env;
const adapters = await listAdapters();
const adapterName = adapters.find((info) => adapter === undefined || matchesName(info, adapter))?.name;
if (adapterName === undefined) throw new Error(`mutate: no adapter has "${adapter}" in its name`);
const runnable = chosen.filter(({ on }) => on === undefined || adapters.some((info) => matchesName(info, on)));
const began = performance.now();

const groups = [...new Map(runnable.map((mutation) => [nameOf(mutation), mutation])).values()];
const complaints: string[] = [];
await inCopies(groups, async (folder, group) => {
  const { count, failed } = await runTests(folder, group.target, group.on);
  if (failed || count === 0)
    complaints.push(`without a mistake, ${nameOf(group)}: ${failed?.message ?? 'no test ran'}`);
});
console.log(`${groups.length} groups of tests run without a mistake, ${complaints.length} of them do not pass`);

const noticed = new Map<string, string>();
if (complaints.length === 0) {
  await inCopies(runnable, async (folder, mutation) => {
    const path = join(folder, mutation.file);
    const text = await readFile(path, 'utf8');
    await writeFile(path, mutate(mutation, text));
    const run = await runTests(folder, mutation.target, mutation.on);
    await writeFile(path, text);
    const trouble = complaint(run);
    if (trouble) complaints.push(`${mutation.name} (${mutation.file}): ${trouble}`);
    else noticed.set(mutation.name, run.failed!.title);
    console.log(`${trouble ? 'FAILED ' : 'noticed'}  ${mutation.name}${trouble ? `: ${trouble}` : ''}`);
  });
}
for (const text of complaints) console.error(text);
const elsewhere = chosen.length - runnable.length;
const notRun = elsewhere === 0 ? '' : `; ${elsewhere} are in code for an adapter that is not here, and were not made`;
console.log(`${noticed.size} of ${runnable.length} mistakes were noticed${notRun}`);
process.exitCode = complaints.length === 0 ? 0 : 1;

if (complaints.length === 0 && only === undefined) {
  await writeFile(
    join(ROOT, 'docs', 'mutations.md'),
    `# Mistakes that the tests notice

\`npm run mutate\` made each of these mistakes in a copy of the source, one at a time, ran the tests named beside it, which pass
without the mistake, and saw them fail. It wrote this page. The mistakes themselves are in \`tests/mutations/\`.

- Date: ${new Date().toISOString().slice(0, 10)}
- Adapter: ${adapterName}, or the one named beside a mistake
- ${noticed.size} of ${runnable.length} mistakes were noticed, in ${Math.round((performance.now() - began) / 60_000)} min${notRun}

${table(noticed)}
`,
  );
}

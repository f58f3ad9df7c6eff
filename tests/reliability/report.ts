/**
 * Injects every fault in earnest and writes down what came of it: runs the specs of tests/reliability and tests/fuzz in
 * their long version, then makes docs/reliability.md of what they recorded.
 *
 * Run: npm run reliability
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FaultReport } from './faults.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

interface Suite {
  suites?: Suite[];
  specs?: { title: string; tests: { results: { status: string; duration: number; annotations?: Annotation[] }[] }[] }[];
}

interface Annotation {
  type: string;
  description?: string;
}

function runSpecs(resultFile: string): { status: number | null; seconds: number } {
  const began = performance.now();
  const options = ['--workers=1', '--global-timeout=0', '--reporter=list,json', `--output=${resultFile}.files`];
  const args = ['playwright', 'test', ...options, 'tests/reliability', 'tests/fuzz'];
  const { status } = spawnSync('npx', args, {
    cwd: ROOT,
    stdio: 'inherit',
    shell: process.platform === 'win32',
    env: {
      ...process.env,
      WEBGPU_VAE_NIGHTLY: '1',
      PLAYWRIGHT_JSON_OUTPUT_FILE: resultFile,
    },
  });
  return { status, seconds: (performance.now() - began) / 1000 };
}

/** Every annotation of every test, in the order of the files. */
function annotationsOf(suite: Suite): Annotation[] {
  const own = (suite.specs ?? []).flatMap(({ tests }) =>
    tests.flatMap(({ results }) => results.at(-1)?.annotations ?? []),
  );
  return [...own, ...(suite.suites ?? []).flatMap(annotationsOf)];
}

function table(rows: FaultReport[]): string {
  const cell = (text: string | number) => String(text).replaceAll('|', '\\|');
  const lines = rows.map(
    ({ fault, injected, outcome, lost }) =>
      `| ${cell(fault)} | ${injected.toLocaleString('en-US')} | ${cell(outcome)} | ${cell(lost)} |`,
  );
  return ['| Fault | Injected | What happened | Lost |', '|---|--:|---|---|', ...lines].join('\n');
}

const resultFile = join(tmpdir(), `webgpu-vae-reliability-${process.pid}.json`);
const { status, seconds } = runSpecs(resultFile);
if (status !== 0) {
  console.error('report: a fault was not survived, see above: docs/reliability.md stays as it is');
  process.exit(1);
}
const annotations = annotationsOf(JSON.parse(readFileSync(resultFile, 'utf8')) as Suite);
const rows = annotations
  .filter(({ type }) => type === 'fault')
  .map(({ description }) => JSON.parse(description!) as FaultReport);
const adapters = new Set(
  annotations.filter(({ type }) => type === 'adapter').map(({ description }) => description ?? ''),
);
const machine = `${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${cpus().length} cores, ${process.platform}-${process.arch}, Node ${process.versions.node}`;

mkdirSync(join(ROOT, 'docs'), { recursive: true });
writeFileSync(
  join(ROOT, 'docs', 'reliability.md'),
  `# Reliability

Every fault below was injected by \`npm run reliability\`, which wrote this page. \`npm test\` injects each of them too,
less often, but for PyTorch. "The same bits" means that \`model.safetensors\`, or the parameters, are equal byte for byte to those of the
same training without the fault, on the same adapter and driver.

- Date: ${new Date().toISOString().slice(0, 10)}
- Machine: ${machine}
- Adapter: ${[...adapters].join('; ') || 'the default one'}
- Took ${Math.round(seconds / 60)} min

${table(rows)}

What is not promised: bits that agree between adapters, drivers or kernel variants (resuming on another adapter works,
with a warning); which of two computers that share a folder over a network is alive: after two minutes without a sign of
life \`train --force\` takes the folder over, and a process that finds its folder taken stops before it writes there again.
`,
);
console.log(`docs/reliability.md: ${rows.length} faults, ${Math.round(seconds)} s`);

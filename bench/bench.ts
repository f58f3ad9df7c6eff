/** `npm run bench`: how fast the engine is on this machine. The tables, or with `--json` one line of JSON, go to stdout. */
import { parseArgs } from 'node:util';
import type { DataSet } from '../src/data/dataset.ts';
import { type Device, formatBytes } from '../src/gpu/device.ts';
import type { DispatchTime } from '../src/gpu/profiler.ts';
import { createDevice, loadMnist } from '../src/index.ts';
import { Vae } from '../src/vae/vae.ts';
import { productFlops, productsOfStep } from './arithmetic.ts';
import { type ColdStartResult, measureColdStart } from './cold-start.ts';
import { type GemmResult, measureGemms } from './gemm.ts';
import { describeMachine, machineLine, shortDescription } from './machine.ts';
import { type MemoryResult, measureMemory } from './memory.ts';
import { significant } from './statistics.ts';
import { measureStep, STEP_CONFIGS, type StepResult } from './step.ts';
import { table } from './table.ts';

const PARTS = ['step', 'kernels', 'gemm', 'cold_start_ms', 'memory'] as const;
type Part = (typeof PARTS)[number];

interface KernelResult extends DispatchTime {
  /** Where the dispatch is a matrix product. */
  gflops?: number;
}

interface Report {
  adapter: ReturnType<typeof shortDescription>;
  machine: ReturnType<typeof describeMachine>;
  step?: StepResult[];
  /** Of the first model's step, in its order; empty where the adapter has no timestamps. */
  kernels?: KernelResult[];
  gemm?: GemmResult[];
  cold_start_ms?: ColdStartResult;
  memory?: MemoryResult;
}

const STEP_BUDGET_MS = 4000;
const GEMM_BUDGET_MS = 200;
const PROFILED_STEPS = 40;
const MEMORY_STEPS = 10_000;
const USAGE = `Usage: npm run bench [-- options]
  --json             print one JSON object on one line and nothing else (npm itself is silent with npm run --silent)
  --adapter <name>   part of an adapter's name; default: the best one
  --only <parts>     some of ${PARTS.join(',')}; default: all
  --steps <n>        training steps of the memory part; default: ${MEMORY_STEPS}
  --unsafe-fast      without bounds checks in shaders; for comparison only`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      adapter: { type: 'string' },
      only: { type: 'string' },
      steps: { type: 'string', default: String(MEMORY_STEPS) },
      'unsafe-fast': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return print(USAGE);
  const parts = parseParts(values.only);
  const steps = Number(values.steps);
  if (!Number.isInteger(steps) || steps < 0)
    throw new Error(`--steps: expected an integer from 0, got ${values.steps}`);
  const choice = values.adapter === undefined ? {} : { adapter: values.adapter };
  const data = await loadMnist();
  const device = await createDevice({ ...choice, unsafeFast: values['unsafe-fast'] });
  const report: Report = { adapter: shortDescription(device.info), machine: describeMachine() };
  try {
    await measure(report, parts, device, data, steps);
  } finally {
    device.dispose();
  }
  if (parts.has('cold_start_ms')) {
    progress('cold start');
    report.cold_start_ms = await measureColdStart(values.adapter);
  }
  print(values.json ? JSON.stringify(report) : tables(report));
}

async function measure(report: Report, parts: Set<Part>, device: Device, data: DataSet, steps: number): Promise<void> {
  const [first] = STEP_CONFIGS as [(typeof STEP_CONFIGS)[0]];
  if (parts.has('step')) {
    report.step = [];
    for (const config of STEP_CONFIGS) {
      progress(`step ${report.step.length + 1} of ${STEP_CONFIGS.length}`);
      report.step.push(await measureStep(device, data, config, STEP_BUDGET_MS));
    }
  }
  if (parts.has('kernels')) {
    progress('kernels');
    report.kernels = device.features.has('timestamp-query') ? await measureKernels(device, data, first) : [];
  }
  if (parts.has('memory')) {
    progress(`memory, over ${steps} steps`);
    report.memory = await measureMemory(device, data, first, steps);
  }
  if (parts.has('gemm')) {
    progress('gemm');
    const imageSize = data.train.rows * data.train.columns;
    report.gemm = await measureGemms(device, { ...first, imageSize }, GEMM_BUDGET_MS);
  }
}

async function measureKernels(
  device: Device,
  data: DataSet,
  config: (typeof STEP_CONFIGS)[0],
): Promise<KernelResult[]> {
  const vae = await Vae.create(device, data, config);
  try {
    const times = await vae.profile(PROFILED_STEPS);
    const products = productsOfStep(config, config.batch, vae.imageSize);
    return times.map((time) => {
      // `encoder.2 backward` may do both products of that name, `decoder.4 forward and loss` more than its product.
      const flops = products
        .filter(({ use }) => time.label === use || time.label.startsWith(`${use} `) || use.startsWith(`${time.label},`))
        .reduce((sum, product) => sum + productFlops(product), 0);
      const speed = flops > 0 ? { gflops: significant(flops / time.ms / 1e6) } : {};
      return { ...time, ...speed, ms: significant(time.ms) };
    });
  } finally {
    vae.dispose();
  }
}

/** @throws Error naming the part that there is not */
function parseParts(only: string | undefined): Set<Part> {
  const parts = only === undefined ? PARTS : only.split(',');
  const unknown = parts.find((part) => !PARTS.includes(part as Part));
  if (unknown !== undefined) throw new Error(`--only: there is no part "${unknown}", expected ${PARTS.join(', ')}`);
  return new Set(parts as Part[]);
}

function tables({ adapter, machine, step, kernels, gemm, cold_start_ms, memory }: Report): string {
  const sections = [machineLine(adapter.name, machine)];
  if (step) {
    sections.push(
      table(
        ['model', 'batch', 'ms/step', 'min', 'GFLOP/s', 'dispatches', 'submits/step', 'new buffers', 'bytes written'],
        step.map((row) => [
          row.model,
          row.batch,
          row.ms_per_step.median,
          row.ms_per_step.min,
          row.gflops,
          row.dispatches,
          row.submits_per_step,
          row.buffers_created,
          row.bytes_written,
        ]),
      ),
    );
  }
  if (kernels && kernels.length > 0) {
    const total = kernels.reduce((sum, { ms }) => sum + ms, 0);
    const rows = kernels.map(({ label, kernel, workgroups, ms, gflops = '' }) => [
      label,
      // The last files of the kernel are its own, those before them are shared helpers.
      kernel.split('+').slice(-2).join('+'),
      workgroups.join(' x '),
      ms.toFixed(3),
      `${((100 * ms) / total).toFixed(1)} %`,
      gflops,
    ]);
    const sum = ['sum', '', '', total.toFixed(3), '100 %', ''];
    sections.push(table(['dispatch', 'kernel', 'workgroups', 'GPU ms', 'share', 'GFLOP/s'], [...rows, sum]));
  }
  if (gemm) {
    sections.push(
      table(
        ['product', 'variant', 'use', 'ms', 'GFLOP/s'],
        gemm.map(({ layout, M, N, K, variant, use, ms, gflops }) => [
          `${layout} ${M} x ${N} x ${K}`,
          variant,
          use,
          ms,
          gflops,
        ]),
      ),
    );
  }
  if (cold_start_ms) {
    const { cold, warm } = cold_start_ms;
    sections.push(
      table(
        ['process start to first loss', 'ms'],
        [
          ['empty shader cache', cold],
          ['filled shader cache', warm],
        ],
      ),
    );
  }
  if (memory) {
    const rows = Object.entries(memory.bytes).map(([kind, bytes]) => [kind, bytes, formatBytes(bytes)]);
    const sum = ['sum', memory.allocated_bytes, formatBytes(memory.allocated_bytes)];
    const grown = [`more after ${memory.steps} steps`, memory.grown_bytes, formatBytes(memory.grown_bytes)];
    sections.push(table([`GPU memory of ${memory.model}, batch ${memory.batch}`, 'bytes', ''], [...rows, sum, grown]));
  }
  return sections.join('\n\n');
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Only for a person who waits. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`measuring ${text}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`error: ${(error as Error).message}\n`);
  process.exitCode = 1;
});

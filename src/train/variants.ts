/** Which kernels a model's dense layers use: the defaults, somebody's choice, or what was measured once and remembered. */
import * as z from 'zod/mini';
import type { Device } from '../gpu/device.ts';
import {
  chosenVariant,
  type DenseProblem,
  GEMM_VARIANTS,
  isBackwardSplit,
  problemKey,
  supportedVariants,
  type VariantChoice,
} from '../kernels/gemm.ts';
import { type Choice, type Tuning, tuneGemm } from '../kernels/tune.ts';
import { text } from './schema.ts';

/** Where answers are remembered: a file, a browser's storage. Neither method throws. */
export interface TuningStore {
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}

/** Answers for a model on a device, and what they rest on if they were measured now. */
export interface TunedVariants {
  variants: Record<string, Choice>;
  /** Undefined if the answers were remembered. */
  tuning: Tuning | undefined;
}

/** To be raised when kernels change so much that old answers are no good. */
const VERSION = 4;
/** With what one problem may take beyond it, three seconds on a software adapter with an empty shader cache. */
const DEFAULT_BUDGET_MS = 2000;
const MAX_TEXT = 2 ** 20;

/** @internal `forward 128x784x512` -> a variant; the answers of one adapter. */
export const variantsSchema = z.record(text(100), z.enum([...GEMM_VARIANTS, 'split']));

const memorySchema = z.strictObject({
  version: z.literal(VERSION),
  adapters: z.record(text(1000), variantsSchema),
});

type Memory = z.output<typeof memorySchema>;

/** What a choice means for every one of the problems on the device. */
export function resolveVariants(
  device: Device,
  choice: VariantChoice | undefined,
  problems: readonly DenseProblem[],
): Record<string, Choice> {
  const resolved: Record<string, Choice> = {};
  const resolve = (problem: DenseProblem) => {
    resolved[problemKey(problem)] = chosenVariant(device, choice, problem);
  };
  for (const problem of problems) {
    if (problem.operation !== 'backward' || !isBackwardSplit(device, choice, problem)) {
      resolve(problem);
      continue;
    }
    resolved[problemKey(problem)] = 'split';
    resolve({ ...problem, operation: 'backward weight' });
    resolve({ ...problem, operation: 'backward input' });
  }
  return resolved;
}

/** A choice that was made on another device, without what this one cannot run. */
export function runnableVariants(device: Device, choice: Readonly<Record<string, Choice>>): Record<string, Choice> {
  const runnable: readonly Choice[] = [...supportedVariants(device), 'split'];
  return Object.fromEntries(Object.entries(choice).filter(([, variant]) => runnable.includes(variant)));
}

/**
 * The fastest variants for a model on a device: those that `store` remembers, else measured now, and remembered, so that
 * every later run with these settings on this adapter uses the same kernels and gets the same bits.
 *
 * @param problems those of the model, see `SettledModel.problems`
 * @param options.again measure although there is an answer
 * @param options.budgetMs time for measuring, compiling included; what it does not suffice for keeps the default
 * @throws GpuError, DeviceLostError
 */
export async function tunedVariants(
  device: Device,
  problems: readonly DenseProblem[],
  options: { store: TuningStore; again?: boolean; budgetMs?: number },
): Promise<TunedVariants> {
  const { store, again = false, budgetMs = DEFAULT_BUDGET_MS } = options;
  const adapter = adapterKey(device);
  const recall = async () => readMemory(await store.read()).adapters;
  const known = (await recall())[adapter] ?? {};
  if (!again && problems.every((problem) => problemKey(problem) in known)) {
    return { variants: resolveVariants(device, runnableVariants(device, known), problems), tuning: undefined };
  }
  const asked = again ? problems : problems.filter((problem) => !(problemKey(problem) in known));
  const tuning = await tuneGemm(device, asked, { budgetMs });
  // Another process may have remembered something meanwhile; what is known stays, so that its runs can be repeated.
  const adapters = await recall();
  const answers = again
    ? { ...adapters[adapter], ...tuning.variants }
    : { ...tuning.variants, ...adapters[adapter], ...known };
  const memory: Memory = { version: VERSION, adapters: { ...adapters, [adapter]: answers } };
  await store.write(JSON.stringify(memory, null, 2));
  return { variants: resolveVariants(device, answers, problems), tuning };
}

/** What a driver's update or another card changes, changes this. */
function adapterKey({ info, subgroupSizes: { min, max } }: Device): string {
  const { name, backend, vendor, architecture, description, source } = info;
  return [name, backend, vendor, architecture, description, source, `subgroups ${min}-${max}`].join(' | ');
}

/** What is not ours, or of another version, is as good as nothing: it will be written anew. */
function readMemory(text: string | undefined): Memory {
  const empty: Memory = { version: VERSION, adapters: {} };
  if (text === undefined || text.length > MAX_TEXT) return empty;
  try {
    const result = memorySchema.safeParse(JSON.parse(text));
    return result.success ? result.data : empty;
  } catch {
    return empty;
  }
}

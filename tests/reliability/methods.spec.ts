/** Every public method at any time, from any number of callers: what it gives is what it gives alone. */
import type { ImageSet } from '../../src/data/dataset.ts';
import type { Device } from '../../src/gpu/device.ts';
import { BusyError, GpuError } from '../../src/index.ts';
import { type Snapshot, Vae } from '../../src/vae/vae.ts';
import { expect, test } from '../support/fixtures.ts';
import { bitsOf, recordFault, times, tinyData } from './faults.ts';

const data = tinyData();
const config = { hidden: [8], batch: 16, epochs: 3, seed: 9 };
/** 600 images in batches of 500: a batch and a remainder, so that an evaluation consists of two replays. */
const large = tinyData(600).test;
/** Chunks of one step. */
const options = { chunkMs: 1e-6 };

/** Numbers in [0, 1) that are the same in every run: the test's own moments, not the clock's. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

type Method = (vae: Vae) => Promise<unknown>;

function withoutSeconds({ seconds: _, history, ...rest }: Snapshot): unknown {
  return { ...rest, history: history.map(({ seconds: __, ...result }) => result) };
}

const z = Float32Array.of(0.5, -1, 2, 0.25);

/** What each of these gives depends on the step alone. */
const methods: Record<string, Method> = {
  evaluate: (vae) => vae.evaluate(),
  'evaluate another set': (vae) => vae.evaluate(large),
  encode: (vae) => vae.encode(data.test.images),
  decode: (vae) => vae.decode(z),
  sample: (vae) => vae.sample(3, 7),
  parameters: (vae) => vae.parameters(),
  gradients: (vae) => vae.gradients(),
  moments: (vae) => vae.moments(),
  snapshot: async (vae) => withoutSeconds(await vae.snapshot()),
};

/** Where the device has no timestamps it is a typed error, and must change as little. */
async function profile(vae: Vae, steps: number): Promise<void> {
  if (vae.device.features.has('timestamp-query')) expect(await vae.profile(steps)).toHaveLength(vae.dispatchesPerStep);
  else await expect(vae.profile(steps)).rejects.toThrow(GpuError);
}

/** A value as text, bit for bit. */
function fixed(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part instanceof Float32Array ? Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString('hex') : part,
  );
}

interface Alone {
  /** By method: what it gives after 0, 1, 2, ... steps. */
  answers: Record<string, string[]>;
  bits: Buffer;
  history: unknown;
}

function endOf({ history }: Pick<Vae, 'history'>): unknown {
  return history.map(({ seconds: _, ...result }) => result);
}

/** Every method after every step, one after the other. */
async function trainAlone(device: Device): Promise<Alone> {
  const vae = await Vae.create(device, data, config, options);
  try {
    const answers: Record<string, string[]> = Object.fromEntries(Object.keys(methods).map((name) => [name, []]));
    for (;;) {
      for (const [name, method] of Object.entries(methods)) answers[name]!.push(fixed(await method(vae)));
      if ((await vae.train({ steps: 1 })).finished) break;
    }
    for (const [name, method] of Object.entries(methods)) answers[name]!.push(fixed(await method(vae)));
    return { answers, bits: bitsOf(await vae.parameters()), history: endOf(vae) };
  } finally {
    vae.dispose();
  }
}

let alone: Promise<Alone> | undefined;

/** Calls a method and compares its answer with those that it gives alone, after a step between the call and the answer. */
async function ask(vae: Vae, name: string, { answers }: Alone): Promise<void> {
  const from = vae.step;
  const answer = fixed(await methods[name]!(vae));
  const expected = answers[name]!.slice(from, vae.step + 1);
  expect(expected.includes(answer), `${name}, asked after step ${from}, answered until step ${vae.step}`).toBe(true);
}

test('all methods at random moments of a training: each answer is right, weights and history are the same', async ({
  device,
}) => {
  test.setTimeout(times(6, 30) * 60_000);
  alone ??= trainAlone(device);
  const expected = await alone;
  const random = numbers(1);
  const names = [...Object.keys(methods), 'train', 'advance', 'profile'];
  const calls = times(500, 5000);
  for (let made = 0; made < calls; ) {
    const vae = await Vae.create(device, data, config, options);
    let whileTraining = 0;
    let training = true;
    const call = async (): Promise<void> => {
      made++;
      const name = names[Math.floor(random() * names.length)]!;
      if (training) whileTraining++;
      if (name === 'profile') await profile(vae, 1);
      else if (name === 'train' || name === 'advance') {
        if (!training) return;
        const refused = name === 'train' ? vae.train() : vae.advance(1);
        await expect(refused).rejects.toThrow(BusyError);
      } else await ask(vae, name, expected);
    };
    const asked: Promise<void>[] = [];
    const callers = async (): Promise<void> => {
      while (training) {
        await call();
        // Sometimes the next turn of the event loop, sometimes at once.
        if (random() < 0.3) await new Promise((resolve) => setTimeout(resolve, 0));
      }
    };
    try {
      const end = vae.train({
        snapshotEveryMs: 0,
        onProgress: () => {
          if (random() < 0.3) asked.push(call());
        },
        onEpoch: async () => {
          asked.push(call());
          await call();
        },
        onSnapshot: async () => {
          if (random() < 0.5) await call();
        },
      });
      for (let i = 0; i < 8; i++) asked.push(callers());
      const { finished } = await end.finally(() => {
        training = false;
      });
      await Promise.all(asked);
      expect(finished).toBe(true);
      expect(whileTraining).toBeGreaterThan(50);
      expect(endOf(vae)).toEqual(expected.history);
      expect(bitsOf(await vae.parameters()).equals(expected.bits), 'parameters bit for bit').toBe(true);
    } finally {
      vae.dispose();
    }
  }
  recordFault(test.info(), {
    fault: 'every method of a model called at random moments of its training, by eight callers and by its callbacks',
    injected: calls,
    outcome: 'each answer is that of one step alone; the run ended with the same bits and losses',
    lost: 'nothing',
  });
});

test('evaluate() in a loop while train() runs: both go on', async ({ device }) => {
  alone ??= trainAlone(device);
  const { bits, history } = await alone;
  const vae = await Vae.create(device, data, config, options);
  try {
    let running = true;
    let evaluated = 0;
    const training = vae.train().finally(() => {
      running = false;
    });
    while (running) {
      expect(Number.isFinite((await vae.evaluate()).loss)).toBe(true);
      evaluated++;
    }
    expect(await training).toEqual({ finished: true, step: vae.steps });
    // A leg of training is at most two chunks of a step when somebody waits.
    expect(evaluated).toBeGreaterThan(vae.steps / 3);
    expect(endOf(vae)).toEqual(history);
    expect(bitsOf(await vae.parameters()).equals(bits)).toBe(true);
  } finally {
    vae.dispose();
  }
});

test('two evaluations at once, each with a remainder: the right numbers', async ({ device }) => {
  const vae = await Vae.create(device, { ...data, test: large }, config);
  try {
    await vae.advance(10);
    const right = [await vae.evaluate(), await vae.evaluate(data.train), await vae.evaluate()];
    for (let i = 0; i < 5; i++) {
      expect(await Promise.all([vae.evaluate(), vae.evaluate(data.train), vae.evaluate()])).toEqual(right);
    }
  } finally {
    vae.dispose();
  }
});

test('train() and snapshot() in one tick: a snapshot of one step, from which the run ends the same', async ({
  device,
}) => {
  alone ??= trainAlone(device);
  const { answers, bits } = await alone;
  for (let i = 0; i < 10; i++) {
    const vae = await Vae.create(device, data, config, options);
    try {
      const training = vae.train();
      const [first, second] = await Promise.all([vae.snapshot(), vae.snapshot()]);
      expect(first.step).toBeLessThan(vae.steps);
      for (const taken of [first, second]) expect(fixed(withoutSeconds(taken))).toBe(answers.snapshot![taken.step]);
      await training;
      const resumed = await Vae.create(device, data, {}, { snapshot: first });
      await resumed.train();
      expect(bitsOf(await resumed.parameters()).equals(bits)).toBe(true);
      resumed.dispose();
    } finally {
      vae.dispose();
    }
  }
});

test('profile() puts everything back, also the gradients; advance() in a training is refused', async ({ device }) => {
  alone ??= trainAlone(device);
  const { answers, bits } = await alone;
  const vae = await Vae.create(device, data, config, options);
  try {
    await vae.advance(5);
    await profile(vae, 3);
    for (const name of Object.keys(methods)) expect(fixed(await methods[name]!(vae)), name).toBe(answers[name]![5]);
    const profiles: Promise<unknown>[] = [];
    await vae.train({
      onProgress: ({ step }) => {
        if (step % 7 === 0) profiles.push(profile(vae, 2));
        if (step === 20) profiles.push(expect(vae.advance(3)).rejects.toThrow(BusyError));
      },
    });
    await Promise.all(profiles);
    expect(profiles.length).toBeGreaterThan(3);
    expect(bitsOf(await vae.parameters()).equals(bits)).toBe(true);
  } finally {
    vae.dispose();
  }
});

test('a large set is evaluated as a whole, whoever asks meanwhile', async ({ device }) => {
  const set: ImageSet = tinyData(1700).train;
  const vae = await Vae.create(device, data, config, options);
  try {
    const right = await vae.evaluate(set);
    const [first, , second, parameters] = await Promise.all([
      vae.evaluate(set),
      vae.sample(2),
      vae.evaluate(set),
      vae.parameters(),
    ]);
    expect([first, second]).toEqual([right, right]);
    expect(fixed(parameters)).toBe(fixed(await vae.parameters()));
  } finally {
    vae.dispose();
  }
});

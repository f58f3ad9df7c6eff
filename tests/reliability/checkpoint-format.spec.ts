import fc from 'fast-check';
import { expect, test } from 'playwright/test';
import { z } from 'zod';
import { sha256 as sha256InPages } from '../../src/host/sha256.browser.ts';
import { sha256 as sha256InNode } from '../../src/host/sha256.node.ts';
import * as format from '../../src/train/checkpoint.ts';
import { parseSettings } from '../../src/train/config.ts';
import { defineModel } from '../../src/train/model.ts';
import { SafetensorsError, writeSafetensors } from '../../src/train/safetensors.ts';
import { checkSameData, identifyData, resumedConfig } from '../../src/train/snapshot.ts';
import { CheckpointError, readCheckpoint, readParameters, writeCheckpoint } from '../../src/vae/checkpoint.ts';
import { ConfigError, parseConfig } from '../../src/vae/config.ts';
import type { Snapshot } from '../../src/vae/vae.ts';
import { randomFrom } from '../fuzz/mutate.ts';
import { settledVae } from '../support/vae-table.ts';
import { FIRST_VERSION, takeApart, withHeader, withMetadata, writeFirstVersion } from './checkpoint-files.ts';
import { recordFault, times, tinyData } from './faults.ts';

const first = readCheckpoint(FIRST_VERSION);
/** 7 of 11 steps: 64 images, batches of 24, epochs end after steps 3, 6, 8 and 11. */
const settled = settledVae(first.config, 21);
const snapshot: Snapshot = { ...first, data: identifyData(tinyData(64), settled) };
const file = writeCheckpoint(snapshot);

type Json = Record<string, unknown>;

/** A good file of one of the versions whose state, and history, was changed and sealed again. */
function changed(version: 1 | 2, change: (state: Json, history: Json[]) => void): Uint8Array {
  if (version === 1) {
    return withMetadata(FIRST_VERSION, 'state', (text) => {
      const state = JSON.parse(text) as Json;
      change(state, state.history as Json[]);
      return JSON.stringify(state);
    });
  }
  const { metadata } = parts(file);
  const state = JSON.parse(metadata.state!) as Json;
  const history = JSON.parse(metadata.history!) as Json[];
  change(state, history);
  const withState = withMetadata(file, 'state', () => JSON.stringify(state));
  return withMetadata(withState, 'history', () => JSON.stringify(history));
}

/** What a file says, read without the program's own reader. */
function parts(bytes: Uint8Array): { metadata: Record<string, string>; values: Map<string, number[]> } {
  const { header, data } = takeApart(bytes);
  const { __metadata__, ...tensors } = JSON.parse(header) as Record<string, { data_offsets: [number, number] }>;
  const values = Object.entries(tensors).map(([name, { data_offsets }]): [string, number[]] => [
    name,
    [...new Float32Array(data.slice(...data_offsets).buffer)],
  ]);
  return { metadata: __metadata__ as unknown as Record<string, string>, values: new Map(values) };
}

test('a file of the first version holds what it held, and is written as the second', () => {
  const { metadata, values } = parts(FIRST_VERSION);
  const { parameters, m, v, ...state } = first;
  const held = JSON.parse(metadata.state!);
  const { bce, kld, weight } = held.sums;
  expect(state).toEqual({
    ...held,
    model: { kind: 'vae', version: 1 },
    config: parseConfig(held.config),
    sums: { weight, losses: { loss: bce + held.config.beta * kld, bce, kld } },
  });
  // As that version trained, which had no other ways.
  expect(state.config).toMatchObject({ optimizer: 'adam', clipNorm: 0, lrSchedule: 'constant', lrWarmup: 0 });
  expect(state.config).toMatchObject({ likelihood: 'bernoulli', binarize: 'none', freeBits: 0 });
  expect(state.config).toMatchObject({ betaWarmup: 0, betaCycle: 0 });
  expect(state).toMatchObject({ step: 7, config: { epochs: 4 }, history: [{ epoch: 1 }, { epoch: 2 }] });
  const tensors = [
    ...parameters.map(({ name, data }) => [name, [...data]]),
    ...m.map(({ name, data }) => [`adam.m.${name}`, [...data]]),
    ...v.map(({ name, data }) => [`adam.v.${name}`, [...data]]),
  ];
  expect(tensors).toEqual([...values]);
  expect(Buffer.from(writeFirstVersion(first)).equals(FIRST_VERSION)).toBe(true);
  expect(readCheckpoint(writeCheckpoint(first))).toEqual(first);
  // What only the second version has.
  expect(readCheckpoint(file)).toEqual(snapshot);
  expect(snapshot.data.testFingerprint).toMatch(/^[0-9a-f]{8}$/);
});

test('the second version names its model and the terms of its loss', () => {
  const { metadata } = parts(file);
  expect(Object.keys(metadata)).toEqual(['webgpu-vae.sha256', 'format', 'webgpu-vae.checkpoint', 'state', 'history']);
  expect(metadata['webgpu-vae.checkpoint']).toBe('2');
  const { weight, losses } = snapshot.sums;
  expect(Object.keys(losses).sort()).toEqual(['bce', 'kld', 'loss']);
  expect(JSON.parse(metadata.state!)).toMatchObject({
    model: { kind: 'vae', version: 1, config: snapshot.config },
    sums: { weight, losses },
    step: 7,
  });
  expect(JSON.parse(metadata.history!)).toEqual(snapshot.history);
  // The seal is the SHA-256 of the file with zeros in its place.
  const sealed = metadata['webgpu-vae.sha256']!;
  const unsealed = Buffer.from(file);
  unsealed.fill('0', unsealed.indexOf(sealed), unsealed.indexOf(sealed) + 64);
  expect(sealed).toBe(sha256InNode([unsealed]));
});

test('SHA-256 is the same in pages as in Node, in any number of parts', () => {
  const parts = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 4 });
  fc.assert(fc.property(parts, (bytes) => expect(sha256InPages(bytes)).toBe(sha256InNode(bytes))));
  const abc = new TextEncoder().encode('abc');
  // FIPS 180-4's own example.
  expect(sha256InPages([abc])).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

/** @returns the error's message; anything but a typed error in one line fails */
function refusal(bytes: Uint8Array, read: (bytes: Uint8Array) => unknown = readCheckpoint): string {
  try {
    read(bytes);
  } catch (error) {
    const isTyped = error instanceof CheckpointError || error instanceof SafetensorsError;
    if (isTyped && /^(checkpoint|safetensors) read: [^\n\r]+$/.test(error.message)) return error.message;
    throw error;
  }
  throw new Error('accepted');
}

test('one flipped bit anywhere in a file is noticed', () => {
  const random = randomFrom(1);
  const { data } = takeApart(file);
  const headerEnd = file.length - data.length;
  const all = (from: number, to: number) => Array.from({ length: 8 * (to - from) }, (_, i) => 8 * from + i);
  const oneOfEach = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => 8 * (from + i) + random.below(8));
  const some = (from: number, to: number) =>
    Array.from({ length: times(100, 2000) }, () => 8 * from + random.below(8 * (to - from)));
  const version = Buffer.from(file).indexOf('"webgpu-vae.checkpoint":"2"');
  const places = [
    // The header's length, the seal and what leads to it, the version; the rest here and there.
    ...all(0, 8),
    ...oneOfEach(8, 110),
    ...all(version, version + 27),
    ...some(110, headerEnd),
    ...some(headerEnd, file.length),
  ];
  for (const place of places) {
    const flipped = file.slice();
    flipped[place >> 3]! ^= 1 << (place & 7);
    refusal(flipped);
    // Its weights are no beginning for another training either.
    refusal(flipped, readParameters);
  }
  expect(refusal(file.slice().fill(0, file.length - 4))).toMatch(
    /checkpoint read: its bytes are not those that were written \(their SHA-256 differs\): it was damaged, use an earlier one/,
  );
  recordFault(test.info(), {
    fault: 'one bit flipped in a checkpoint: length, header, weights, moments',
    injected: places.length,
    outcome: 'refused with a typed error',
    lost: 'nothing: the checkpoint before it is used',
  });
});

test('a seal that is missing or elsewhere is none', () => {
  const without = withHeader(file, (header) => header.replace(/"webgpu-vae\.sha256":"[0-9a-f]{64}",/, ''));
  expect(refusal(without)).toMatch(/its bytes are not those that were written/);
  expect(refusal(withHeader(file, (header) => ` ${header}`))).toMatch(/does not begin with "\{"/);
  expect(refusal(withHeader(file, (header) => header.replace('{"__', '{ "__')))).toMatch(/its bytes are not those/);
  expect(refusal(withHeader(file, (header) => header.replace('"2"', '"3"')))).toMatch(
    /its format is version "3", expected 1 or 2: use the program it is from/,
  );
  // Padding is part of the file.
  expect(refusal(Buffer.concat([file, new Uint8Array(8)]))).toMatch(/cut off or padded/);
});

const contradictions: [title: string, change: (state: Json, history: Json[]) => void, says: RegExp][] = [
  ['a step beyond the run', (state) => (state.step = 12), /step 12 lies beyond the 11 steps of its 4 epochs/],
  ['a step of long ago', (state) => (state.step = 5), /epoch 2 at step 6 cannot come after epoch 1, before step 5/],
  [
    'an epoch that ends elsewhere',
    (_, history) => (history[1]!.step = 5),
    /epoch 2 does not end at step 5 with batches of 24/,
  ],
  ['another epoch at that step', (_, history) => (history[1]!.epoch = 3), /epoch 3 does not end at step 6/],
  ['an epoch twice', (_, history) => history.push(history[1]!), /epoch 2 at step 6 cannot come after epoch 2/],
  ['epochs in reverse', (_, history) => history.reverse(), /epoch 1 at step 3 cannot come after epoch 2/],
  [
    'sums of too many steps',
    (state) => ((state.sums as Json).weight = 2),
    /sums are of 2 steps, expected at most the 1 of/,
  ],
  ['sums of half a step', (state) => ((state.sums as Json).weight = 0.5), /sums\.weight/],
  [
    'more epochs than steps',
    (_, history) => history.push(...Array<Json>(6).fill(history[1]!)),
    /8 epochs, expected at most 4|more than 49 entries/,
  ],
  ['no data', (state) => delete state.data, /the state's "data"/],
  ['a field that nobody knows', (state) => (state.extra = 1), /extra/],
  ['a loss that is none', (_, history) => ((history[0]!.test as Json).bce = null), /the history's "0\.test\.bce"/],
  ['a loss too many', (_, history) => ((history[0]!.test as Json).mse = 1), /the history's "0\.test".*mse/],
];

for (const [title, change, says] of contradictions) {
  test(`refused in either version: ${title}`, () => {
    for (const version of [1, 2] as const)
      expect(refusal(changed(version, change)), `version ${version}`).toMatch(says);
  });
}

test('refused: another model, another version of it, settings out of range', () => {
  const model = (change: (model: Json) => void) => refusal(changed(2, (state) => change(state.model as Json)));
  expect(model((its) => (its.kind = 'flow'))).toMatch(
    /of the model "flow", version 1, expected "vae", version 1: use the/,
  );
  expect(model((its) => (its.version = 2))).toMatch(/of the model "vae", version 2, expected "vae", version 1/);
  expect(model((its) => delete its.config)).toMatch(/model\.config/);
  expect(model((its) => (its.config = { ...(its.config as Json), batch: 0 }))).toMatch(/config: batch: /);
  expect(refusal(changed(1, (state) => (state.config = { ...first.config, colour: 1 })))).toMatch(/colour/);
  // Two settings that agree with themselves, but not with the tensors.
  const wider = changed(2, (state) => ((state.model as Json).config = { ...first.config, latent: 2 ** 31 - 1 }));
  expect(refusal(wider)).toMatch(/tensor mu\.weight is \(2, 4\), expected \(2147483647, 4\)/);
});

test('a checkpoint with 11 MiB of hidden layers, or of anything, is refused before it is read', () => {
  const { parse } = JSON;
  let largest = 0;
  const sizes = (read: () => unknown): string => {
    largest = 0;
    JSON.parse = (text: string, ...rest) => {
      // The header's own parse gives the state as one text.
      if (!text.startsWith('{"__metadata__"')) largest = Math.max(largest, text.length);
      return parse(text, ...rest);
    };
    try {
      read();
    } catch (error) {
      return (error as Error).message;
    } finally {
      JSON.parse = parse;
    }
    throw new Error('accepted');
  };
  const wide = `[${'1,'.repeat(5_600_000)}1]`;
  const deep = '{"a":'.repeat(2_000_000);
  const { metadata } = parts(file);
  const huge: [title: string, bytes: Uint8Array, says: RegExp][] = [
    [
      'hidden, version 1',
      withMetadata(FIRST_VERSION, 'state', (text) => text.replace('[6,4]', wide)),
      /4194304 entries/,
    ],
    [
      'hidden, version 2',
      withMetadata(file, 'state', (text) => text.replace('[6,4]', wide)),
      /"state" .*65536 entries/,
    ],
    [
      'variants',
      withMetadata(file, 'state', (text) => text.replace('"variants":{', `"variants":${deep}`)),
      /16 levels/,
    ],
    ['history', withMetadata(file, 'history', () => wide), /"history" .* more than 49 entries/],
    ['deep history', withMetadata(file, 'history', () => '['.repeat(8_000_000)), /nested deeper than 3 levels/],
  ];
  for (const [title, bytes, says] of huge) {
    expect(
      sizes(() => readCheckpoint(bytes)),
      title,
    ).toMatch(says);
    expect(largest, `characters given to JSON.parse: ${title}`).toBeLessThanOrEqual(metadata.state!.length);
  }
  // As many as the first version's limits let through are too many layers all the same, and none of them is looked at.
  let looked = 0;
  const layers = new Array<number>(65);
  for (let i = 0; i < 65; i++) Object.defineProperty(layers, i, { get: () => ++looked, enumerable: true });
  expect(() => parseConfig({ hidden: layers })).toThrow(/config: hidden: .*64/);
  expect(looked).toBeLessThanOrEqual(65);
  expect(parseConfig({ hidden: new Array<number>(64).fill(3) }).hidden).toHaveLength(64);
});

test('what nobody could read is not written', () => {
  expect(() => writeCheckpoint({ ...snapshot, step: 12 })).toThrow(CheckpointError);
  expect(() => writeCheckpoint({ ...snapshot, step: 12 })).toThrow(
    /^checkpoint write: step 12 lies beyond the 11 steps/,
  );
});

test('every step of a run is read: the first, each within an epoch and the last', () => {
  const [result] = snapshot.history;
  const ends = [3, 6, 8, 11];
  for (let step = 0; step <= 11; step++) {
    const history = ends.flatMap((end, i) => (end <= step ? [{ ...result!, epoch: i + 1, step: end }] : []));
    // As the first version would have had it: loss = bce + beta kld, beta = 0.5.
    const sums = { losses: { loss: 2, bce: 1, kld: 2 }, weight: step - (history.at(-1)?.step ?? 0) };
    const whole = { ...snapshot, step, history, sums };
    expect(readCheckpoint(writeCheckpoint(whole))).toEqual(whole);
    expect(readCheckpoint(writeFirstVersion({ ...whole, data: first.data }))).toEqual({ ...whole, data: first.data });
    expect(() => writeCheckpoint({ ...whole, sums: { ...sums, weight: sums.weight + 1 } })).toThrow(CheckpointError);
  }
});

test('epochs that nobody evaluated may be missing, and batches may be larger than the data', () => {
  // `advance()` does steps without evaluating.
  const advanced = { ...snapshot, history: snapshot.history.slice(1) };
  expect(readCheckpoint(writeCheckpoint(advanced))).toEqual(advanced);
  // Batches of 150 of 64 images: step 1 ends epochs 1 and 2, step 2 is in epoch 3 and ends epochs 3 and 4.
  const [result] = snapshot.history;
  const large = {
    ...snapshot,
    config: { ...snapshot.config, batch: 150, epochs: 9 },
    step: 2,
    sums: { losses: { loss: 0, bce: 0, kld: 0 }, weight: 0 },
    history: [
      { ...result!, epoch: 1, step: 1 },
      { ...result!, epoch: 3, step: 2 },
    ],
  };
  expect(readCheckpoint(writeCheckpoint(large))).toEqual(large);
});

test('a run is not resumed with fewer epochs than it has begun', () => {
  expect(resumedConfig(snapshot, { epochs: 3 }).epochs).toBe(3);
  expect(() => resumedConfig(snapshot, { epochs: 2 })).toThrow(ConfigError);
  expect(() => resumedConfig(snapshot, { epochs: 2 })).toThrow(/is in epoch 3 \(step 7\): ask for 3 or more/);
  expect(() => resumedConfig(snapshot, { epochs: 1 })).toThrow(/has done 2: ask for 2 or more/);
});

test('other test images are other data; other labels are not; the first version knows neither', () => {
  const data = tinyData(64);
  const same = identifyData(data, settled);
  checkSameData(snapshot, same);
  const others = {
    ...data,
    test: { ...data.test, images: data.test.images.map((pixel, i) => (i === 5 ? pixel ^ 1 : pixel)) },
  };
  expect(() => checkSameData(snapshot, identifyData(others, settled))).toThrow(ConfigError);
  expect(() => checkSameData(snapshot, identifyData(others, settled))).toThrow(
    /their testFingerprint differs, use the same images/,
  );
  const relabelled = { ...data, test: { ...data.test, labels: data.test.labels!.map((label) => label + 1) } };
  checkSameData(snapshot, identifyData(relabelled, settled));
  checkSameData(first, identifyData(others, settled));
  const trainedOnOthers = { ...data, train: others.test };
  expect(() => checkSameData(first, identifyData(trainedOnOthers, settled))).toThrow(/their fingerprint differs/);
});

test('the format carries any model: its own settings, terms and tensors', () => {
  const flow = defineModel({
    kind: 'flow',
    version: 3,
    settings: { depth: z.int().min(1) },
    loss(tape, { x }, { depth }) {
      const weight = { shape: [tape.images.columns], init: { constant: 0 } };
      for (let i = 0; i < depth; i++) tape.module({ name: `${i}`, parameters: { weight } });
      tape.term('mse', x.tensor);
    },
  });
  const config = parseSettings(flow.schema, { epochs: 4, batch: 24, depth: 2 });
  const tensors = [0, 1].map((i) => ({ name: `${i}.weight`, shape: [7], data: new Float32Array(7).fill(i + 1) }));
  const { sums: _, history: __, config: ___, ...rest } = snapshot;
  const losses = { loss: 0.5, mse: 0.5 };
  const contents = {
    ...rest,
    model: { kind: 'flow', version: 3 },
    config,
    sums: { weight: 1, losses: { loss: 0.25, mse: 0.25 } },
    history: [{ epoch: 1, step: 3, train: losses, test: losses, seconds: 1 }],
    parameters: tensors,
    m: tensors,
    v: tensors,
  };
  const bytes = format.writeCheckpoint(contents);
  expect(format.readCheckpoint(flow, bytes)).toEqual(contents);
  expect(refusal(bytes)).toMatch(/of the model "flow", version 3, expected "vae"/);
  expect(refusal(FIRST_VERSION, (each) => format.readCheckpoint(flow, each))).toMatch(
    /of the model "vae", version 1, expected "flow"/,
  );
});

test('a checkpoint of halves has lost bits', () => {
  const { header, data } = takeApart(FIRST_VERSION);
  const half = header.replace('"dtype":"F32","shape":[6]', '"dtype":"F16","shape":[12]');
  expect(half).not.toBe(header);
  const bytes = withHeader(FIRST_VERSION, () => half);
  expect(refusal(bytes)).toMatch(/tensors that are not F32 has lost bits/);
  expect(data.length).toBeGreaterThan(0);
  // A model's file has no seal and no version.
  expect(refusal(writeSafetensors(first.parameters, {}))).toMatch(/it is no checkpoint: use --init for a model/);
});

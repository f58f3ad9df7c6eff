import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'playwright/test';
import { DataError } from '../../src/data/dataset.ts';
import { unpack } from '../../src/data/unpack.ts';
import { readSafetensors, SafetensorsError } from '../../src/train/safetensors.ts';
import { readCheckpoint } from '../../src/vae/checkpoint.ts';
import { parseConfig } from '../../src/vae/config.ts';
import { recordFault, times } from '../reliability/faults.ts';
import { randomFrom } from './mutate.ts';
import { type Target, targets } from './targets.ts';

/** No file of these sizes may take the processor longer to refuse, however slow it is; most take less than one. */
const LONGEST_MS = 2000;
const ALL_FILES = times(2400, 120_000);

function expectCleanPrototypes(): void {
  expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  expect(({} as { polluted?: unknown }).polluted).toBe(undefined);
}

async function attack({ errors, mutate, read }: Target, seed: number): Promise<'accepted' | 'refused'> {
  const bytes = mutate(randomFrom(seed));
  // Of this process alone: others may have the processor for as long as they like.
  const began = process.cpuUsage();
  try {
    await read(bytes);
    return 'accepted';
  } catch (error) {
    if (errors.some((type) => error instanceof type) && !/[\n\r]/.test((error as Error).message)) return 'refused';
    throw new Error(`seed ${seed} (${Buffer.from(bytes).toString('base64').slice(0, 2000)}): ${error}`, {
      cause: error,
    });
  } finally {
    const { user, system } = process.cpuUsage(began);
    const ms = (user + system) / 1000;
    if (ms > LONGEST_MS) expect(ms, `ms of the processor for seed ${seed}`).toBeLessThan(LONGEST_MS);
  }
}

for (const target of targets) {
  test(`mutated files: ${target.name}`, async () => {
    test.setTimeout(60 * 60_000);
    const injected = Math.ceil(ALL_FILES / targets.length);
    const counts = { accepted: 0, refused: 0 };
    // Another part of the same endless list of files in every long run would find more; the same one can be repeated.
    for (let seed = 0; seed < injected; seed++) counts[await attack(target, seed)]++;
    expectCleanPrototypes();
    // Neither reader nor mutations may be so strict that only one of the two ways is ever taken.
    expect(counts.refused).toBeGreaterThan(injected / 10);
    expect(counts.accepted).toBeGreaterThan(injected / 1000);
    recordFault(test.info(), {
      fault: `mutated file: ${target.name}`,
      injected,
      outcome: `${counts.refused} refused with a typed error, ${counts.accepted} still valid and read`,
      lost: 'nothing',
    });
  });
}

test('any bytes and any JSON: a typed error or something valid', () => {
  const numRuns = times(300, 2000);
  for (const { name, read, errors } of targets) {
    // Their readers are asynchronous; random bytes are none of them.
    if (['gzip', 'NPZ', 'PNG'].includes(name)) continue;
    const readsOrRefuses = (bytes: Uint8Array): void => {
      try {
        read(bytes);
      } catch (error) {
        if (!errors.some((type) => error instanceof type)) throw error;
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), readsOrRefuses), { numRuns });
  }
  fc.assert(
    fc.property(fc.json(), (text) => {
      try {
        parseConfig(JSON.parse(text));
      } catch (error) {
        expect((error as Error).name).toBe('ConfigError');
      }
    }),
    { numRuns },
  );
  expectCleanPrototypes();
});

test('a gzip bomb stops at the limit', async () => {
  const limit = 2 ** 26;
  // 1 GiB in 1 MiB; four of them one after the other in a file are one stream of 4 GiB.
  const gibibyte = gzipSync(new Uint8Array(2 ** 30), { level: 1 });
  const bomb = Buffer.concat([gibibyte, gibibyte, gibibyte, gibibyte]);
  const before = process.memoryUsage().rss;
  let peak = before;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 5);
  try {
    await expect(unpack(bomb, 'bomb.gz', limit)).rejects.toThrow(DataError);
    peak = Math.max(peak, process.memoryUsage().rss);
  } finally {
    clearInterval(watch);
  }
  const extra = peak - before;
  expect(extra).toBeLessThan(2 * limit);
  recordFault(test.info(), {
    fault: `gzip bomb of 4 GiB in ${(bomb.length / 2 ** 20).toFixed(1)} MiB, limit 64 MiB`,
    injected: 1,
    outcome: `refused; ${Math.round(extra / 2 ** 20)} MiB of memory while it was read`,
    lost: 'nothing',
  });
});

test('headers of up to 2^64 - 1 bytes ask for no memory', () => {
  const lengths = [2n ** 63n, 2n ** 64n - 1n, 2n ** 53n, 2n ** 32n, 100_000_001n, 100_000_000n, 1_000n];
  const before = process.memoryUsage().arrayBuffers;
  for (const length of lengths) {
    const file = new Uint8Array(64).fill(0x20);
    new DataView(file.buffer).setBigUint64(0, length, true);
    file[8] = 0x7b;
    expect(() => readSafetensors(file)).toThrow(SafetensorsError);
    expect(() => readCheckpoint(file)).toThrow(SafetensorsError);
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
  recordFault(test.info(), {
    fault: 'safetensors header of 1,000 to 2^64 - 1 bytes in a file of 64',
    injected: lengths.length,
    outcome: 'refused with a typed error before anything is allocated',
    lost: 'nothing',
  });
});

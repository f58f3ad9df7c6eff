import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { env, InferenceSession, Tensor } from 'onnxruntime-web';
import { expect } from 'playwright/test';
import { createDevice } from '../../src/index.ts';
import { DTYPES, f16Bits } from '../../src/train/dtypes.ts';
import { readSafetensors, writeSafetensors } from '../../src/train/safetensors.ts';
import type { VaeConfig } from '../../src/vae/config.ts';
import { readVae } from '../../src/vae/model-file.ts';
import { OpenedVae } from '../../src/vae/opened.ts';
import { vaeFile } from '../support/vae-file.ts';
import { adapterOptions, test } from './command.ts';
import { run } from './in-process.ts';

const SIZE = { rows: 5, columns: 7 };
const GIVEN = { hidden: [9, 6], latent: 3 };

async function makeModel(cwd: string, bytes: Uint8Array = vaeFile(GIVEN, SIZE)): Promise<string> {
  await writeFile(join(cwd, 'model.safetensors'), bytes);
  return join(cwd, 'model.safetensors');
}

const exported = (model: string, out: string, ...format: string[]) =>
  run(['export', '--model', model, '--out', out, ...format]);

const CONV: Partial<VaeConfig> = { arch: 'conv', channels: [3, 4], dense: 6, latent: 3 };
const MODELS: [title: string, given: Partial<VaeConfig>, channels: number][] = [
  ['dense layers', GIVEN, 1],
  ['tanh', { ...GIVEN, activation: 'tanh' }, 1],
  ['convolutions', CONV, 1],
  ['convolutions in colour', { ...CONV, activation: 'tanh' }, 3],
];

for (const [title, given, channels] of MODELS) {
  test(`ONNX: onnxruntime computes what the engine does, of any number of rows: ${title}`, async ({ cwd }) => {
    const D = 35 * channels;
    const model = await makeModel(cwd, vaeFile(given, { ...SIZE, channels }));
    const out = join(cwd, 'new', 'onnx');
    expect(await exported(model, out, '--onnx')).toMatchObject({ code: 0, stderr: '' });
    expect((await readdir(out)).sort()).toEqual(['decoder.onnx', 'encoder.onnx']);
    env.wasm.numThreads = 1;
    const [encoder, decoder] = await Promise.all(
      ['encoder', 'decoder'].map(async (name) => InferenceSession.create(await readFile(join(out, `${name}.onnx`)))),
    );
    expect(encoder!.inputMetadata).toMatchObject([{ name: 'image', type: 'float32', shape: ['batch', D] }]);
    expect(decoder!.inputMetadata).toMatchObject([{ name: 'z', shape: ['batch', 3] }]);

    const device = await createDevice(adapterOptions[1] ? { adapter: adapterOptions[1] } : {});
    try {
      const vae = new OpenedVae(device, readVae(await readFile(model)));
      for (const count of [1, 5]) {
        const images = Float32Array.from({ length: count * D }, (_, i) => ((i * 37) % 101) / 100);
        const z = Float32Array.from({ length: count * 3 }, (_, i) => Math.sin(i) * 2);
        const theirs = await encoder!.run({ image: new Tensor('float32', images, [count, D]) });
        const { mu, logvar } = await vae.encode(images);
        close(theirs.mu!.data as Float32Array, mu);
        close(theirs.logvar!.data as Float32Array, logvar);
        const { pixels } = await decoder!.run({ z: new Tensor('float32', z, [count, 3]) });
        expect(pixels!.dims).toEqual([count, D]);
        close(pixels!.data as Float32Array, await vae.decode(z));
      }
      vae.dispose();
    } finally {
      device.dispose();
    }
  });
}

/** 1e-5 of the largest there is, for sums of either sign. */
function close(got: Float32Array, expected: Float32Array): void {
  expect(got).toHaveLength(expected.length);
  const scale = Math.max(1, ...expected.map(Math.abs));
  for (const [i, value] of expected.entries())
    expect(Math.abs(got[i]! - value) <= 1e-5 * scale, `element ${i}`).toBe(true);
}

test('f16: every one is what it was, others go to the nearest, beyond its range is refused', () => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i).filter((bits) => (bits & 0x7c00) !== 0x7c00);
  const values = DTYPES.F16.toF32(new Uint8Array(all.buffer));
  expect(f16Bits(values)).toEqual(all);
  // Between two neighbours: just below the middle, the middle, just above.
  const sorted = [...new Set(values)].filter((value) => value >= 0).sort((a, b) => a - b);
  const pairs = sorted.slice(1).map((high, i) => [sorted[i]!, high] as const);
  const between = (part: number) => Float32Array.from(pairs, ([low, high]) => low + (high - low) * part);
  const rounded = (part: number) => DTYPES.F16.toF32(new Uint8Array(f16Bits(between(part))!.buffer));
  expect(rounded(0.499)).toEqual(Float32Array.from(pairs, ([low]) => low));
  expect(rounded(0.501)).toEqual(Float32Array.from(pairs, ([, high]) => high));
  // Of a tie the one whose last bit is 0: the places in the order are the bits.
  expect(rounded(0.5)).toEqual(Float32Array.from(pairs, ([low, high], i) => (i % 2 === 0 ? low : high)));
  expect(f16Bits(Float32Array.of(65519))).toEqual(Uint16Array.of(0x7bff));
  expect(f16Bits(Float32Array.of(65520))).toBeUndefined();
  const large = [{ name: 'a', shape: [1], data: Float32Array.of(-1e6) }];
  expect(() => writeSafetensors(large, {}, 'F16')).toThrow(/tensor "a" has a value beyond 65504/);
});

test('safetensors: f32 is what it was, f16 half as long, both are models again; a page within 2 MB', async ({
  cwd,
}) => {
  const model = await makeModel(cwd);
  const at = (name: string) => join(cwd, name);
  expect(await exported(model, at('32.safetensors'), '--safetensors', 'f32')).toMatchObject({ code: 0, stderr: '' });
  expect(await exported(model, at('16.safetensors'), '--safetensors', 'f16')).toMatchObject({ code: 0, stderr: '' });
  const [before, same, half] = await Promise.all(
    [model, at('32.safetensors'), at('16.safetensors')].map(async (path) => readVae(await readFile(path))),
  );
  expect(same!.parameters).toEqual(before!.parameters);
  expect(half!.config).toEqual(before!.config);
  expect(half!.images).toMatchObject(SIZE);
  expect(half!.notices).toHaveLength(1);
  const { tensors } = readSafetensors(await readFile(at('16.safetensors')));
  for (const [i, { data }] of tensors.entries()) {
    const error = Math.max(...data.map((value, j) => Math.abs(value - before!.parameters[i]!.data[j]!)));
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan(2 ** -9);
  }

  // Convolutions, in colour: what goes out as weights comes back as the same model.
  const conv = { arch: 'conv', channels: [2], dense: 4, latent: 2 } as const;
  await writeFile(at('conv.safetensors'), vaeFile({ ...conv, channels: [2] }, { rows: 4, columns: 6, channels: 3 }));
  expect(await exported(at('conv.safetensors'), at('conv16.safetensors'), '--safetensors', 'f16')).toMatchObject({
    code: 0,
  });
  const back = readVae(await readFile(at('conv16.safetensors')));
  expect(back).toMatchObject({ config: conv, images: { rows: 4, columns: 6, channels: 3 } });

  await writeFile(at('default.safetensors'), vaeFile({}, { rows: 28, columns: 28 }));
  expect(await exported(at('default.safetensors'), at('page.html'), '--html')).toMatchObject({ code: 0, stderr: '' });
  expect((await readFile(at('page.html'))).length).toBeLessThan(2_000_000);
});

test('bad input: one line, and no file', async ({ cwd }) => {
  const model = await makeModel(cwd);
  const at = (name: string) => join(cwd, name);
  const { parameters } = readVae(await readFile(model));
  const other = writeSafetensors([...parameters, { name: 'conv.0.weight', shape: [1], data: new Float32Array(1) }], {
    config: JSON.stringify({ ...GIVEN, ...SIZE }),
  });
  await writeFile(at('other.safetensors'), other);
  const conv = { arch: 'conv', channels: [2], dense: 4, latent: 2 } as const;
  await writeFile(at('conv.safetensors'), vaeFile({ ...conv, channels: [2] }, { rows: 4, columns: 4 }));
  await mkdir(at('full'));
  await writeFile(join(at('full'), 'old'), '');
  const before = (await readdir(cwd)).sort();
  for (const [args, code, says] of [
    [[model, at('x.html')], 2, /expected one of --onnx, --html and --safetensors, got 0/],
    [[model, at('x.html'), '--html', '--onnx'], 2, /got 2/],
    [[model, at('x.onnx'), '--html'], 2, /name ends in \.html/],
    [[model, at('x'), '--safetensors', 'f8'], 2, /one of f16, f32/],
    [[model, at('full'), '--onnx'], 2, /full is not empty/],
    [[at('conv.safetensors'), at('x.html'), '--html'], 1, /arch is conv, expected dense: .* use --onnx/],
    [[at('other.safetensors'), at('x'), '--onnx'], 1, /conv\.0\.weight, which none of its layers has/],
    [[at('other.safetensors'), at('x.html'), '--html'], 1, /conv\.0\.weight, which none of its layers has/],
  ] as [[string, string, ...string[]], number, RegExp][]) {
    const result = await exported(...args);
    expect(result.stderr).toMatch(/^error: .*\n$/);
    expect(result.stderr).toMatch(says);
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code, stdout: '' });
  }
  expect((await readdir(cwd)).sort()).toEqual(before);
});

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'playwright/test';
import { z } from 'zod';
import { importShaders, withoutComments } from '../../packages/shaders.ts';
import { shaderModules } from '../../src/kernels/index.ts';
import { defineModel } from '../../src/train/index.ts';

const SOURCE = fileURLToPath(new URL('../../src/kernels/example.ts', import.meta.url));

/** As in a template of a source. */
const HOLE = `\${size}`;

test("a shader's name becomes an import whose value is the name, lines stay", () => {
  const code = `const FILES = ['adam.wgsl'];\n// \`state.wgsl\` in a comment\nuse(FILES, \`tile_${HOLE}.wgsl\`);\n`;
  const changed = importShaders(code, SOURCE);
  expect(changed.split('\n').slice(0, 3)).toEqual([
    'const FILES = [shader_adam];',
    '// `state.wgsl` in a comment',
    `use(FILES, among(\`tile_${HOLE}.wgsl\`, [shader_tile_32x32, shader_tile_64x32]));`,
  ]);
  expect(changed).toContain('import shader_adam from "../../shaders/adam.wgsl";');
  expect(changed).toContain('import { among } from "../../shaders/load.built.ts";');
  expect(changed).not.toContain('shader_state');
});

test('names that no file has, or that may be any file, fail the build', () => {
  expect(() => importShaders("['adamm.wgsl']", SOURCE)).toThrow('there is no shaders/adamm.wgsl');
  expect(() => importShaders(`[\`${HOLE}.wgsl\`]`, SOURCE)).toThrow('expected 1 to 4: name them');
  expect(() => importShaders(`[\`nothing_${HOLE}.wgsl\`]`, SOURCE)).toThrow('may be 0 shaders');
});

test('every shader keeps its lines and its code without comments', () => {
  const folder = fileURLToPath(new URL('../../shaders/', import.meta.url));
  const files = readdirSync(folder).filter((file) => file.endsWith('.wgsl'));
  expect(files.length).toBeGreaterThan(50);
  for (const file of files) {
    const before = readFileSync(folder + file, 'utf8');
    const lines = withoutComments(before, file).split('\n');
    const expected = before.split('\n').map((line) => line.split('//')[0]!.trim());
    expect(lines, file).toEqual(expected);
  }
});

test('kernels of your own may build on helpers only', () => {
  expect(shaderModules(['philox.wgsl'])[0]!.code).toContain('fn philox');
  expect(() => shaderModules(['gemm.wgsl'])).toThrow(
    'shaderModules: got gemm.wgsl, expected one of element_scalar.wgsl',
  );
});

test('settings of a model of your own are fields of zod', () => {
  const loss = () => {};
  expect(() =>
    defineModel({ kind: 'own', version: 1, settings: { width: z.number().default(1) }, loss }),
  ).not.toThrow();
  const settings = { width: { '~standard': {} } };
  expect(() => defineModel({ kind: 'own', version: 1, settings, loss })).toThrow(
    'defineModel own: the setting width is no field of zod 4: write z.number().default(1)',
  );
});

test('every source names its shaders so that the build finds them', () => {
  const folder = fileURLToPath(new URL('../../src/', import.meta.url));
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  expect(sources.length).toBeGreaterThan(100);
  for (const file of sources) {
    expect(() => importShaders(readFileSync(folder + file, 'utf8'), folder + file), file).not.toThrow();
  }
});

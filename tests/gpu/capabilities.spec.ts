import { capabilitiesOf, type DeviceFacts } from '../../src/gpu/capabilities.ts';
import { expect, test } from '../support/fixtures.ts';

const ROWS = 8192;
const READING = new Set(['readonly_and_readwrite_storage_textures']);

function facts(
  software: boolean,
  min: number,
  max = min,
  languageFeatures: ReadonlySet<string> = READING,
): DeviceFacts {
  return { software, subgroupSizes: { min, max }, languageFeatures, maxTextureDimension2D: ROWS };
}

const ADAPTERS: [string, DeviceFacts, { lanes: number; operandCopies: string; slowThreads: boolean }][] = [
  ['SwiftShader', facts(true, 4), { lanes: 4, operandCopies: 'sampler', slowThreads: false }],
  ['lavapipe', facts(true, 8), { lanes: 8, operandCopies: 'storage texture', slowThreads: true }],
  ['lavapipe, older WGSL', facts(true, 8, 8, new Set()), { lanes: 8, operandCopies: 'none', slowThreads: true }],
  ['software without subgroups', facts(true, 0), { lanes: 0, operandCopies: 'none', slowThreads: false }],
  ['a GPU', facts(false, 32), { lanes: 32, operandCopies: 'none', slowThreads: false }],
  [
    'a GPU with subgroups of several sizes',
    facts(false, 8, 32),
    { lanes: 0, operandCopies: 'none', slowThreads: false },
  ],
];

test('what adapters can do follows from what they say', () => {
  for (const [name, given, expected] of ADAPTERS) expect(capabilitiesOf(given), name).toMatchObject(expected);
  // 1024 texels of 16 bytes to a row.
  expect(capabilitiesOf(facts(true, 8)).maxCopyBytes).toBe(1024 * 16 * ROWS);
});

test('a device knows its own', ({ device }) => {
  const { info, subgroupSizes, languageFeatures, limits } = device;
  const { maxTextureDimension2D } = limits;
  const { software } = info;
  expect(device.capabilities).toEqual(
    capabilitiesOf({ software, subgroupSizes, languageFeatures, maxTextureDimension2D }),
  );
});

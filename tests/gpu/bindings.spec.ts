import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'playwright/test';
import { ResourceType, WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';
import { type Binding, readBindings } from '../../src/gpu/bindings.ts';

const fail = (line: number, what: string) => new Error(`line ${line}: ${what}`);

/** The same by way of a parser of all WGSL. */
function reflected(code: string): Binding[] {
  const kinds: Partial<Record<ResourceType, Binding['kind']>> = {
    [ResourceType.Uniform]: 'uniform',
    [ResourceType.Storage]: 'storage',
    [ResourceType.Texture]: 'texture',
    [ResourceType.StorageTexture]: 'storage texture',
    [ResourceType.Sampler]: 'sampler',
  };
  const bindings = (new WgslReflect(code).getBindGroups()[0] ?? []).filter((binding) => binding !== undefined);
  return bindings.map(({ name, binding, resourceType, access, members }) => ({
    name,
    binding,
    kind: kinds[resourceType]!,
    access: access === 'read_write' ? access : 'read',
    fields: (resourceType === ResourceType.Uniform ? (members ?? []) : []).map(({ name: field, type, offset }) => ({
      name: field,
      type: type.name as 'f32',
      offsetBytes: offset,
    })),
  }));
}

test('every shader has the bindings that wgsl_reflect finds', () => {
  const folder = fileURLToPath(new URL('../../shaders/', import.meta.url));
  const files = readdirSync(folder).filter((name) => name.endsWith('.wgsl'));
  let count = 0;
  for (const file of files) {
    const code = readFileSync(folder + file, 'utf8');
    if (!code.includes('@binding')) {
      expect(readBindings(code, fail), file).toEqual([]);
      continue;
    }
    const found = readBindings(code, fail);
    expect(found, file).toEqual(reflected(code));
    count += found.length;
  }
  expect(count).toBeGreaterThan(100);
});

test('attributes in any order, comments, fields that end with a comma, names that are words elsewhere', () => {
  const code = `
    /* @group(0) @binding(7) var<storage> no: array<f32>; /* nested */ still a comment */
    struct Params { block: u32, /* of what */ scale : f32, } // @group(0) @binding(8) var<uniform> no: Params;
    @binding(3)
    @group(0u) var<uniform> params: Params;
    @group(0) @binding(1) var<storage,read_write> workgroup : array<vec4<f32>, 2>;
    @group(0) @binding(0) var<storage> x: array<f32>;
    var<workgroup> shared_sums: array<f32, 64>;`;
  expect(readBindings(code, fail)).toEqual([
    { name: 'x', binding: 0, kind: 'storage', access: 'read', fields: [] },
    { name: 'workgroup', binding: 1, kind: 'storage', access: 'read_write', fields: [] },
    {
      name: 'params',
      binding: 3,
      kind: 'uniform',
      access: 'read',
      fields: [
        { name: 'block', type: 'u32', offsetBytes: 0 },
        { name: 'scale', type: 'f32', offsetBytes: 4 },
      ],
    },
  ]);
});

test('what cannot be bound is said with its line', () => {
  const read = (code: string) => () => readBindings(`\n${code}`, fail);
  expect(read('@group(1) @binding(0) var<storage> x: array<f32>;')).toThrow(
    'line 2: x has @group(1) @binding(0), expected @group(0) and @binding(a number)',
  );
  expect(read('@group(0) @binding(N) var<storage> x: array<f32>;')).toThrow('expected @group(0)');
  expect(read('struct P { v: vec2f }\n@group(0) @binding(0) var<uniform> p: P;')).toThrow(
    'line 3: P has "v: vec2f", expected fields of f32 or u32',
  );
  expect(read('@group(0) @binding(0) var<uniform> p: f32;')).toThrow('p is a f32, expected a struct of f32 and u32');
});

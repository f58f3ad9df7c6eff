/** What WGSL says of its bindings. Their declarations are read and nothing else: compiling is the device's business. */

/** A field of the uniform. */
export interface Field {
  name: string;
  type: 'f32' | 'u32';
  offsetBytes: number;
}

/** A `@group(0) @binding(n) var` of a kernel. */
export interface Binding {
  name: string;
  /** Its n. */
  binding: number;
  kind: 'uniform' | 'storage' | 'texture' | 'storage texture' | 'sampler';
  /** Whether the kernel writes to it. */
  access: 'read' | 'write' | 'read_write';
  /** Of a uniform: all of it. */
  fields: readonly Field[];
}

/** Attributes, address space, access, name, type. */
const DECLARATION =
  /((?:@\w+\s*(?:\([^)]*\)\s*)?)+)var\s*(?:<\s*(\w+)\s*(?:,\s*(\w+)\s*)?>)?\s*([^\s:<>@;]+)\s*:\s*([^;]+?)\s*;/g;
const FIELD = /^([^\s:@]+)\s*:\s*(f32|u32)$/;
const FIELD_BYTES = 4;

/**
 * The bindings of a kernel, by their numbers.
 *
 * @param fail makes the error for a line, from 1, and what is wrong there
 * @throws that for a group that is not 0, a number that is no literal, and a uniform that is no struct of f32 and u32
 */
export function readBindings(code: string, fail: (line: number, what: string) => Error): Binding[] {
  const plain = withoutComments(code);
  const bindings: Binding[] = [];
  for (const { index, 0: text, ...parts } of plain.matchAll(DECLARATION)) {
    const { 1: attributes = '', 2: space, 3: access, 4: name = '', 5: type = '' } = parts;
    const failHere = (what: string) => fail(plain.slice(0, index + text.length).split('\n').length, what);
    const group = numberOf(attributes, 'group');
    if (group === undefined) continue;
    const binding = numberOf(attributes, 'binding');
    if (Number(group) !== 0 || !Number.isInteger(Number(binding))) {
      throw failHere(`${name} has ${attributes.trim()}, expected @group(0) and @binding(a number)`);
    }
    const kind = kindOf(space, type);
    if (!kind) throw failHere(`${name} is a ${type}, expected a storage buffer, texture, sampler or uniform`);
    bindings.push({
      name,
      binding: Number(binding),
      kind,
      access: access === 'read_write' || access === 'write' ? access : 'read',
      fields: kind === 'uniform' ? fieldsOf(plain, name, type, failHere) : [],
    });
  }
  return bindings.sort((a, b) => a.binding - b.binding);
}

function numberOf(attributes: string, attribute: string): string | undefined {
  return new RegExp(`@${attribute}\\s*\\(\\s*([^)]*?)[iu]?\\s*,?\\s*\\)`).exec(attributes)?.[1];
}

function kindOf(space: string | undefined, type: string): Binding['kind'] | undefined {
  if (space === 'uniform' || space === 'storage') return space;
  if (space !== undefined) return undefined;
  if (type.startsWith('texture_storage_')) return 'storage texture';
  if (type.startsWith('texture_')) return 'texture';
  return type === 'sampler' ? 'sampler' : undefined;
}

/** Numbers of four bytes lie one after the other. */
function fieldsOf(plain: string, name: string, type: string, fail: (what: string) => Error): Field[] {
  const body = new RegExp(`\\bstruct\\s+${type}\\s*\\{([^}]*)\\}`).exec(plain)?.[1];
  if (body === undefined) throw fail(`${name} is a ${type}, expected a struct of f32 and u32`);
  const declared = body.split(',').map((field) => field.trim());
  return declared
    .filter((field) => field !== '')
    .map((field, i) => {
      const [, fieldName, fieldType] = FIELD.exec(field) ?? [];
      if (fieldName === undefined) throw fail(`${type} has "${field}", expected fields of f32 or u32`);
      return { name: fieldName, type: fieldType as Field['type'], offsetBytes: i * FIELD_BYTES };
    });
}

/** Every line stays where it is. Block comments may be nested (WGSL, section 3.3). */
function withoutComments(code: string): string {
  const token = /\/\/.*|\/\*|\*\//g;
  let plain = '';
  let from = 0;
  let depth = 0;
  for (let found = token.exec(code); found; found = token.exec(code)) {
    const [text] = found;
    const before = code.slice(from, found.index);
    plain += depth === 0 ? `${before} ` : before.replace(/[^\n]/g, '');
    if (text === '/*') depth++;
    else if (text === '*/') depth = Math.max(0, depth - 1);
    else if (depth > 0) token.lastIndex = found.index + 2;
    from = token.lastIndex;
  }
  return plain + code.slice(from);
}

/** wgsl_reflect as small as it can be where WGSL is only read: it can run shaders as well, and half of its code does that. */
import type { Plugin } from 'rolldown';
import { parseSync } from 'rolldown/utils';

/**
 * Methods that run statements, or functions that WGSL has no constants of; sizes of arrays are constant expressions, and what
 * these are made of stays.
 */
const RUNNING = [
  /^(execute|execStatement|_execStatements|dispatchWorkgroups|_dispatchWorkgroup|_dispatchExec|_assign|_increment|_var)$/,
  /^(_if|_for|_while|_loop|_switch)$/,
  /^Atomic/,
  /^(Texture|_sample|_filter|_gather|_texel|_compare)/,
  /^(Dp|Fwidth|Subgroup|Quad|Workgroup|Storage)/,
] as const;

/** @throws if a kind of method is not there: wgsl_reflect has changed, and what can be left out is to be looked at again */
export function withoutRunning(code: string, id: string): string {
  const found = RUNNING.map(() => 0);
  const cuts: [start: number, end: number][] = [];
  for (const statement of parseSync(id, code).program.body) {
    const declared =
      statement.type === 'VariableDeclaration' ? statement.declarations.map(({ init }) => init) : [statement];
    for (const node of declared) {
      if (node?.type !== 'ClassExpression' && node?.type !== 'ClassDeclaration') continue;
      for (const member of node.body.body) {
        if (member.type !== 'MethodDefinition' || member.key.type !== 'Identifier') continue;
        const { name } = member.key;
        const kind = RUNNING.findIndex((pattern) => pattern.test(name));
        if (kind < 0) continue;
        found[kind]!++;
        cuts.push([member.start, member.end]);
      }
    }
  }
  const missing = RUNNING.filter((_, kind) => found[kind] === 0);
  if (missing.length > 0)
    throw new Error(`${id}: no method is like ${missing.join(' or ')}: see packages/reflection.ts`);
  let short = code;
  for (const [start, end] of cuts.toReversed()) short = short.slice(0, start) + short.slice(end);
  return short;
}

export const reflectionPlugin: Plugin = {
  name: 'webgpu-vae-reflection',
  transform: {
    filter: { id: /wgsl_reflect\.module\.js$/ },
    handler: (code, id) => ({ code: withoutRunning(code, id), map: null }),
  },
};

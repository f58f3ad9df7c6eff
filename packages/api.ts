/**
 * `npm run api`: writes the public interface, names and signatures of every entry, to packages/api.md; what is recorded there
 * is compared by `npm test`, so that it does not change unnoticed.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ESTree, parseSync } from 'rolldown/utils';
import { writeTypes } from './types.ts';

const MANIFEST = fileURLToPath(new URL('engine/package.json', import.meta.url));
export const REPORT = fileURLToPath(new URL('api.md', import.meta.url));

interface Module {
  code: string;
  program: ESTree.Program;
  comments: readonly { start: number; end: number }[];
}

const modules = new Map<string, Module>();

function moduleAt(path: string): Module {
  let found = modules.get(path);
  if (!found) {
    const code = readFileSync(path, 'utf8');
    const { program, comments, errors } = parseSync(path, code);
    if (errors.length > 0) throw new Error(`api: ${path}: ${errors[0]!.message}`);
    found = { code, program, comments };
    modules.set(path, found);
  }
  return found;
}

const nameOf = (node: ESTree.ModuleExportName): string => (node.type === 'Literal' ? String(node.value) : node.name);
const fileOf = (importer: string, source: string): string => join(dirname(importer), source.replace(/\.js$/, '.d.ts'));

/** A piece of a module without its comments, on as few lines as it has. */
function textOf({ code, comments }: Module, { start, end }: { start: number; end: number }): string {
  let text = code.slice(start, end);
  for (const comment of comments.toReversed()) {
    if (comment.start < start || comment.end > end) continue;
    text = text.slice(0, comment.start - start) + text.slice(comment.end - start);
  }
  return text.replace(/[ \t]*\n(\s*\n)*/g, '\n').replace(/^ {4}/gm, '  ');
}

function declaredNames(node: ESTree.Declaration): string[] {
  if (node.type === 'VariableDeclaration') {
    return node.declarations.flatMap(({ id }) => (id.type === 'Identifier' ? id.name : []));
  }
  return 'id' in node && node.id?.type === 'Identifier' ? [node.id.name] : [];
}

/** The declarations of what a module exports under a name: several of a function with overloads. */
function declarations(path: string, name: string): string[] {
  const module = moduleAt(path);
  const imported = new Map<string, [source: string, name: string]>();
  for (const node of module.program.body) {
    if (node.type !== 'ImportDeclaration') continue;
    for (const item of node.specifiers) {
      if (item.type === 'ImportSpecifier') imported.set(item.local.name, [node.source.value, nameOf(item.imported)]);
    }
  }
  return module.program.body.flatMap((node) => {
    if (node.type !== 'ExportNamedDeclaration') return [];
    if (node.declaration) return declaredNames(node.declaration).includes(name) ? [textOf(module, node)] : [];
    const item = node.specifiers.find(({ exported }) => nameOf(exported) === name);
    if (!item) return [];
    const local = nameOf(item.local);
    const [source, original] = node.source ? [node.source.value, local] : (imported.get(local) ?? []);
    if (source === undefined || original === undefined) throw new Error(`api: ${path} exports ${name}, from nowhere`);
    return declarations(fileOf(path, source), original);
  });
}

function exportedNames(path: string): string[] {
  const names = moduleAt(path).program.body.flatMap((node) => {
    if (node.type === 'ExportAllDeclaration')
      throw new Error(`api: ${path} exports all of ${node.source.value}: name it`);
    if (node.type !== 'ExportNamedDeclaration') return [];
    const own = node.declaration ? declaredNames(node.declaration) : [];
    return [...own, ...node.specifiers.map(({ exported }) => nameOf(exported))];
  });
  return [...new Set(names)].sort();
}

/** The report, Markdown. */
export function apiReport(): string {
  const folder = mkdtempSync(join(tmpdir(), 'webgpu-vae-api-'));
  try {
    writeTypes(join(folder, 'dist/types'));
    return reportOf(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @param folder of the package: what its manifest's `types` are relative to */
function reportOf(folder: string): string {
  const manifest = JSON.parse(readFileSync(MANIFEST, 'utf8')) as {
    exports: Record<string, string | { types: string }>;
  };
  const entries = Object.entries(manifest.exports).flatMap(([subpath, target]) => {
    if (typeof target === 'string') return [];
    const path = join(folder, target.types);
    const parts = exportedNames(path).map((name) => {
      const found = declarations(path, name);
      if (found.length === 0) throw new Error(`api: ${subpath} exports ${name}, which is declared nowhere`);
      return found.join('\n');
    });
    return [`## webgpu-vae${subpath.slice(1)}\n\n\`\`\`ts\n${parts.join('\n')}\n\`\`\`\n`];
  });
  return `# The public interface\n\nWritten by \`npm run api\`; a change here is a change for users and belongs into the CHANGELOG.\n\n${entries.join('\n')}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(REPORT, apiReport());

/** Links within the repository's documents and within the reference that `npm run docs` makes of them. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const REFERENCE = join(ROOT, 'build/reference');

/** GitHub's anchor of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replace(/ /g, '-');

function hasAnchor(file: string, anchor: string): boolean {
  const text = readFileSync(file, 'utf8');
  if (file.endsWith('.html')) return text.includes(`id="${anchor}"`);
  return [...text.matchAll(/^#+ (.+)$/gm)].some(([, heading]) => anchorOf(heading!) === anchor);
}

/** What is linked to, without what is elsewhere: Markdown's targets, or HTML's. Code is no link. */
function targetsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const found = file.endsWith('.html')
    ? [...text.matchAll(/(?:href|src)="([^"]+)"/g)]
    : [...text.replace(/```.*?```/gs, '').matchAll(/\]\(([^)\s]+)\)/g)];
  return found.map(([, target]) => target!).filter((target) => !/^[a-z]+:/.test(target));
}

/** A line for each link that leads nowhere. */
export function brokenLinks(files: readonly string[]): string[] {
  return files.flatMap((file) =>
    targetsOf(file).flatMap((target) => {
      const [path = '', anchor = ''] = target.split('#');
      const at = path === '' ? file : resolve(dirname(file), decodeURIComponent(path));
      if (!existsSync(at)) return [`${file}: ${target} is not there`];
      const isPage = /\.(md|html)$/.test(at) && statSync(at).isFile();
      return anchor !== '' && isPage && !hasAnchor(at, decodeURIComponent(anchor))
        ? [`${file}: ${path} has no ${anchor}`]
        : [];
    }),
  );
}

/** Every file below a folder whose name ends so. */
export function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const pages = filesBelow(REFERENCE, '.html');
  const broken = brokenLinks(pages);
  for (const line of broken) console.error(line);
  console.log(`${pages.length} pages in build/reference, ${broken.length} broken links`);
  process.exitCode = broken.length === 0 && pages.length > 0 ? 0 : 1;
}

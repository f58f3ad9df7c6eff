/** Apt's sources, in both of their formats: one line each (`.list`), and stanzas of fields (`.sources`). See sources.list(5). */

/** A source file's name and text. */
export interface SourceFile {
  name: string;
  text: string;
}

/** One source of binary packages that is switched on. */
interface Source {
  uris: string[];
  suites: string[];
  components: string[];
  /** The same source for another suite of the archive, as the text of a file. */
  forSuite(suite: string): SourceFile;
}

const words = (text = ''): string[] => text.split(/\s+/).filter(Boolean);

/** `deb [options] uri suite components`. */
function readLines(text: string): Source[] {
  const lines = text.matchAll(/^[ \t]*deb[ \t]+(?:(\[[^\]]*\])[ \t]+)?(\S+)[ \t]+(\S+)[ \t]*([^#\n]*)/gm);
  return Array.from(lines, ([, options, uri = '', suite = '', components = '']) => ({
    uris: [uri],
    suites: [suite],
    components: words(components),
    forSuite: (other) => ({
      name: `${other}.list`,
      text: `${['deb', ...words(options), uri, other, ...words(components)].join(' ')}\n`,
    }),
  }));
}

/** Stanzas between empty lines; a field goes on in lines that begin with a blank. */
function readStanzas(text: string): Source[] {
  const stanzas = text.replace(/^#.*\n?/gm, '').split(/\n[ \t]*\n/);
  return stanzas.flatMap((stanza): Source[] => {
    const found = stanza.matchAll(/^([\w-]+):(.*(?:\n[ \t].*)*)/gm);
    const fields = Array.from(found, ([, name = '', value = '']) => ({ name, value }));
    const fieldOf = (wanted: string) => fields.find(({ name }) => name.toLowerCase() === wanted)?.value;
    const isOn = !/^\s*(no|false|off|0|without|disable)\s*$/i.test(fieldOf('enabled') ?? '');
    if (!isOn || !words(fieldOf('types')).includes('deb')) return [];
    return [
      {
        uris: words(fieldOf('uris')),
        suites: words(fieldOf('suites')),
        components: words(fieldOf('components')),
        forSuite: (suite) => {
          const changed = new Map([
            ['types', ' deb'],
            ['suites', ` ${suite}`],
          ]);
          const lines = fields.map(({ name, value }) => `${name}:${changed.get(name.toLowerCase()) ?? value}\n`);
          return { name: `${suite}.sources`, text: lines.join('') };
        },
      },
    ];
  });
}

function readSources(files: SourceFile[]): Source[] {
  return files.flatMap(({ name, text }) => {
    if (name.endsWith('.list')) return readLines(text);
    return name.endsWith('.sources') ? readStanzas(text) : [];
  });
}

/** Whether the sources offer a suite: `bookworm-backports`. */
export function offersSuite(files: SourceFile[], suite: string): boolean {
  return readSources(files).some(({ suites }) => suites.includes(suite));
}

/**
 * The source of a suite of Debian's archive, from the mirror and with the keys that the machine has for its main suite.
 * Others offer packages for `bookworm` too; only Debian's archive also has `bookworm-updates` or lies in a folder `debian`.
 *
 * @param suite - the suite that is wanted: `bookworm-backports`.
 * @param main - the main suite: `bookworm`.
 */
export function sourceLikeMain(files: SourceFile[], suite: string, main: string): SourceFile {
  const sources = readSources(files);
  const ofMain = sources.filter(({ suites, components }) => suites.includes(main) && components.includes('main'));
  const updated = new Set(
    sources.filter(({ suites }) => suites.includes(`${main}-updates`)).flatMap(({ uris }) => uris),
  );
  const best =
    ofMain.find(({ uris }) => uris.some((uri) => updated.has(uri))) ??
    ofMain.find(({ uris }) => uris.some((uri) => /\/debian\/?$/.test(uri)));
  return best?.forSuite(suite) ?? { name: `${suite}.list`, text: `deb ${DEBIAN} ${suite} main\n` };
}

const DEBIAN = '[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian';

import { expect, test } from 'playwright/test';
import { offersSuite, type SourceFile, sourceLikeMain } from '../../src/cli/apt-sources.ts';

const list = (text: string): SourceFile => ({ name: '/etc/apt/sources.list', text });
const stanzas = (text: string): SourceFile => ({ name: '/etc/apt/sources.list.d/debian.sources', text });

const BACKPORTS = 'bookworm-backports';
const offers = (file: SourceFile) => offersSuite([file], BACKPORTS);
const backportsLike = (...files: SourceFile[]) => sourceLikeMain(files, BACKPORTS, 'bookworm');

test('a suite is found in both formats', () => {
  expect(offers(list('deb http://deb.debian.org/debian bookworm-backports main\n'))).toBe(true);
  expect(offers(list('deb  [ arch=amd64 ]  http://deb.debian.org/debian\tbookworm-backports main # mine'))).toBe(true);
  expect(offers(stanzas('Types: deb\nURIs: http://a/debian\nSuites: bookworm bookworm-backports\n'))).toBe(true);
  expect(offers(stanzas('# A\nTypes: deb-src deb\nSuites:\n bookworm\n bookworm-backports\nURIs: http://a\n'))).toBe(
    true,
  );
});

test('what is commented out, switched off, only sources, or in another kind of file does not count', () => {
  expect(offers(list('# deb http://deb.debian.org/debian bookworm-backports main\n'))).toBe(false);
  expect(offers(list('deb-src http://deb.debian.org/debian bookworm-backports main\n'))).toBe(false);
  expect(offers(list('deb http://deb.debian.org/debian bookworm main # bookworm-backports\n'))).toBe(false);
  expect(offers(list('deb http://deb.debian.org/debian bookworm-backports-sloppy main\n'))).toBe(false);
  expect(offers(stanzas('Types: deb\nSuites: bookworm\n#Suites: bookworm-backports\nURIs: http://a\n'))).toBe(false);
  expect(offers(stanzas('Enabled: no\nTypes: deb\nSuites: bookworm-backports\nURIs: http://a\n'))).toBe(false);
  expect(offers(stanzas('Types: deb-src\nSuites: bookworm-backports\nURIs: http://a\n'))).toBe(false);
  const off = 'deb http://deb.debian.org/debian bookworm-backports main\n';
  expect(offers({ name: 'backports.list.disabled', text: off })).toBe(false);
});

test('another suite comes from the same mirror with the same options', () => {
  const lines = [
    'deb https://packages.example.com/code bookworm main',
    'deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/x bookworm main contrib',
    'deb http://mirror.example/x bookworm-updates main',
    'deb http://security.debian.org/debian-security bookworm-security main',
  ];
  expect(backportsLike(list(lines.join('\n')))).toEqual({
    name: 'bookworm-backports.list',
    text: 'deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/x bookworm-backports main contrib\n',
  });
});

test('a stanza keeps its fields, keys written into it included', () => {
  const key = 'Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDME: x\n -----END PGP PUBLIC KEY BLOCK-----\n';
  const other = 'Types: deb\nURIs: https://packages.example.com/code\nSuites: bookworm\nComponents: main\n';
  const main = `Types: deb deb-src\nURIs: http://mirror.example/debian\n# of 2026\nSuites: bookworm\n bookworm-updates\nComponents: main\n${key}`;
  expect(backportsLike(stanzas(`${other}\n${main}`))).toEqual({
    name: 'bookworm-backports.sources',
    text: `Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm-backports\nComponents: main\n${key}`,
  });
});

test("a mirror without updates is known by its folder; without any, it is Debian's own with Debian's keys", () => {
  const lines = [
    'deb https://packages.example.com/code bookworm main',
    'deb http://mirror.example/debian/ bookworm main',
  ];
  expect(backportsLike(list(lines.join('\n'))).text).toBe(
    'deb http://mirror.example/debian/ bookworm-backports main\n',
  );
  expect(backportsLike(list(lines[0] ?? '')).text).toBe(
    'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm-backports main\n',
  );
});

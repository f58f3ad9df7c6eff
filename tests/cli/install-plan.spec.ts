import { expect, test } from 'playwright/test';
import type { SourceFile } from '../../src/cli/apt-sources.ts';
import {
  type InstallPlan,
  type InstallStep,
  installPlan,
  type SystemFacts,
  shellLines,
  userPlan,
} from '../../src/cli/install-plan.ts';

const bookworm = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n';
const trixie = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_ID="13"\nID=debian\n';
const sid = 'PRETTY_NAME="Debian GNU/Linux forky/sid"\nVERSION_CODENAME=forky\nID=debian\n';
const bullseye = "PRETTY_NAME='Debian GNU/Linux 11 (bullseye)'\nVERSION_ID='11'\nID=debian\n";
const noble = 'PRETTY_NAME="Ubuntu 24.04.2 LTS"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n';
const jammy = 'PRETTY_NAME="Ubuntu 22.04.5 LTS"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"\n';
const fedora = 'PRETTY_NAME="Fedora Linux 42"\nID=fedora\nVERSION_ID=42\n';

function planFor(osRelease: string, more: Partial<SystemFacts> = {}): InstallPlan {
  return installPlan({ platform: 'linux', osRelease, sources: [], ...more });
}

const backports = { name: '/etc/apt/sources.list', text: 'deb http://deb.debian.org/debian bookworm-backports main\n' };

function linesFor(
  osRelease: string,
  { root = true, ...more }: Partial<SystemFacts> & { root?: boolean } = {},
): string[] {
  const plan = planFor(osRelease, more);
  if ('reason' in plan) throw new Error(plan.reason);
  return shellLines(plan.steps, root);
}

const UPDATE = 'apt-get update';
const INSTALL = 'apt-get install -y mesa-vulkan-drivers libvulkan1';
const INSTALL_BACKPORT = 'apt-get install -y -t bookworm-backports mesa-vulkan-drivers libvulkan1';

test('Debian 12 installs from bookworm-backports, and adds it only where it is missing', () => {
  const add =
    "echo 'deb http://deb.debian.org/debian bookworm-backports main' > /etc/apt/sources.list.d/bookworm-backports.list";
  expect(linesFor(bookworm)).toEqual([add, UPDATE, INSTALL_BACKPORT]);
  expect(linesFor(bookworm, { sources: [backports] })).toEqual([UPDATE, INSTALL_BACKPORT]);
});

test('another user than root gets the same lines with sudo', () => {
  expect(linesFor(bookworm, { root: false })).toEqual([
    "echo 'deb http://deb.debian.org/debian bookworm-backports main' | sudo tee /etc/apt/sources.list.d/bookworm-backports.list",
    `sudo ${UPDATE}`,
    `sudo ${INSTALL_BACKPORT}`,
  ]);
});

for (const [name, osRelease] of Object.entries({ trixie, sid, noble })) {
  test(`${name} installs its own Mesa`, () => expect(linesFor(osRelease)).toEqual([UPDATE, INSTALL]));
}

for (const [name, osRelease, says] of [
  ['bullseye', bullseye, /Debian GNU\/Linux 11 \(bullseye\) has no Mesa/],
  ['jammy', jammy, /Ubuntu 22\.04\.5 LTS has no Mesa/],
  ['fedora', fedora, /Fedora Linux 42 is not known/],
  ['a system without os-release', '', /this Linux is not known/],
] as const) {
  test(`${name} gets words`, () => expect(planFor(osRelease)).toEqual({ reason: expect.stringMatching(says) }));
}

test('macOS and Windows need no lavapipe', () => {
  for (const platform of ['darwin', 'win32'] as const) {
    expect(planFor('', { platform })).toEqual({ reason: expect.stringMatching(/for Linux/) });
  }
});

const WORK = '/home/ann/.cache/webgpu-vae/work';
const APT = {
  sourceList: '/etc/apt/sources.list',
  sourceParts: '/etc/apt/sources.list.d/',
  status: '/var/lib/dpkg/status',
};

function stepsForUser(osRelease: string, sources: SourceFile[] = []): InstallStep[] {
  const plan = userPlan({ platform: 'linux', osRelease, sources }, APT, WORK);
  if ('reason' in plan) throw new Error(plan.reason);
  return plan.steps;
}

const runs = (steps: InstallStep[]): string[][] => steps.flatMap((step) => ('run' in step ? [step.run] : []));
const writes = (steps: InstallStep[]): { write: string; content: string }[] =>
  steps.flatMap((step) => ('write' in step ? [step] : []));

test('without root everything is written into the folder: apt is sent there too', () => {
  for (const osRelease of [bookworm, trixie, noble]) {
    const steps = stepsForUser(osRelease);
    for (const { write } of writes(steps)) expect(write).toMatch(new RegExp(`^${WORK}/`));
    for (const [program, ...args] of runs(steps)) {
      if (program === 'mkdir') for (const path of args.slice(1)) expect(path).toMatch(new RegExp(`^${WORK}/`));
      if (program === 'cp') expect(args.at(-1)).toMatch(new RegExp(`^${WORK}/`));
      if (program === 'apt-get') expect(args.slice(0, 2)).toEqual(['-c', `${WORK}/apt.conf`]);
    }
    const configuration = writes(steps).find(({ write }) => write === `${WORK}/apt.conf`)?.content ?? '';
    for (const key of ['Dir::State', 'Dir::State::lists', 'Dir::State::status', 'Dir::Cache', 'Dir::Cache::archives']) {
      expect(configuration).toMatch(new RegExp(`^${key} "${WORK}/`, 'm'));
    }
    expect(shellLines(steps, true).join('\n')).not.toMatch(/trusted|unauthenticated|insecure|sudo/i);
  }
});

test('without root the same packages come from the same suite, and are only downloaded', () => {
  const installs = (osRelease: string) => runs(stepsForUser(osRelease)).filter((run) => run.includes('install'));
  const packages = ['mesa-vulkan-drivers', 'libvulkan1'];
  const common = ['apt-get', '-c', `${WORK}/apt.conf`, 'install', '-y', '--download-only'];
  expect(installs(bookworm)).toEqual([[...common, '-t', 'bookworm-backports', ...packages]]);
  for (const osRelease of [trixie, sid, noble]) expect(installs(osRelease)).toEqual([[...common, ...packages]]);
  expect(userPlan({ platform: 'linux', osRelease: jammy, sources: [] }, APT, WORK)).toEqual(planFor(jammy));
});

test("without root the sources are the system's own, and only Debian 12 may need one more", () => {
  const partsOf = (steps: InstallStep[]) => writes(steps).filter(({ write }) => write.includes('/sources.list.d/'));
  expect(partsOf(stepsForUser(trixie))).toEqual([]);
  expect(partsOf(stepsForUser(bookworm, [backports]))).toEqual([]);
  const mirror = { name: 'sources.list', text: 'deb http://mirror.example/debian bookworm main\n' };
  const steps = stepsForUser(bookworm, [mirror]);
  expect(partsOf(steps)).toEqual([
    {
      write: `${WORK}/sources.list.d/bookworm-backports.list`,
      content: 'deb http://mirror.example/debian bookworm-backports main\n',
    },
  ]);
  expect(runs(steps)).toContainEqual(['cp', '-r', '/etc/apt/sources.list.d/.', `${WORK}/sources.list.d`]);
  expect(shellLines(steps, true).join('\n')).toContain(`Dir::Etc::SourceParts "${WORK}/sources.list.d";`);
});

test('lines for a shell keep words together', () => {
  const steps: InstallStep[] = [{ run: ['cp', "/home/ann's files/a", 'b'] }, { write: '/a b', content: "it's\n" }];
  expect(shellLines(steps, true)).toEqual(["cp '/home/ann'\\''s files/a' b", "echo 'it'\\''s' > '/a b'"]);
});

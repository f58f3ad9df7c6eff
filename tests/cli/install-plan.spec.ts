import { expect, test } from 'playwright/test';
import { type InstallPlan, installPlan, type SystemFacts, shellLines } from '../../src/cli/install-plan.ts';

const bookworm = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n';
const trixie = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_ID="13"\nID=debian\n';
const sid = 'PRETTY_NAME="Debian GNU/Linux forky/sid"\nVERSION_CODENAME=forky\nID=debian\n';
const bullseye = "PRETTY_NAME='Debian GNU/Linux 11 (bullseye)'\nVERSION_ID='11'\nID=debian\n";
const noble = 'PRETTY_NAME="Ubuntu 24.04.2 LTS"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n';
const jammy = 'PRETTY_NAME="Ubuntu 22.04.5 LTS"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"\n';
const fedora = 'PRETTY_NAME="Fedora Linux 42"\nID=fedora\nVERSION_ID=42\n';

function planFor(osRelease: string, more: Partial<SystemFacts> = {}): InstallPlan {
  return installPlan({ platform: 'linux', osRelease, hasBackports: false, ...more });
}

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
  expect(linesFor(bookworm, { hasBackports: true })).toEqual([UPDATE, INSTALL_BACKPORT]);
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

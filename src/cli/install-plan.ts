/** How to install lavapipe, Mesa's software adapter, on this system. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One step: a file to write, or a program to run. */
export type InstallStep = { write: string; content: string } | { run: [program: string, ...args: string[]] };

/** Either steps that install lavapipe, or the reason why there are none. */
export type InstallPlan = { steps: InstallStep[] } | { reason: string };

/** What the plan depends on. */
export interface SystemFacts {
  platform: NodeJS.Platform;
  /** Text of /etc/os-release; empty if there is none. */
  osRelease: string;
  /** Whether apt already knows bookworm-backports. */
  hasBackports: boolean;
}

const PACKAGES = ['mesa-vulkan-drivers', 'libvulkan1'] as const;
const BACKPORTS = 'bookworm-backports';
const BACKPORTS_LINE = `deb http://deb.debian.org/debian ${BACKPORTS} main`;
const BACKPORTS_FILE = `/etc/apt/sources.list.d/${BACKPORTS}.list`;
/** The first Ubuntu whose own Mesa (24) has what Dawn asks for. */
const FIRST_UBUNTU = 24.04;

/** The steps for a system; pure. */
export function installPlan({ platform, osRelease, hasBackports }: SystemFacts): InstallPlan {
  if (platform !== 'linux') {
    return { reason: 'lavapipe is for Linux; here the graphics driver of the system is all that is needed' };
  }
  const { ID: id = '', VERSION_ID: version = '', PRETTY_NAME: name = 'this Linux' } = parseOsRelease(osRelease);
  const update: InstallStep = { run: ['apt-get', 'update'] };
  const install: InstallStep = { run: ['apt-get', 'install', '-y', ...PACKAGES] };
  if (id === 'debian' && version === '12') {
    // Debian 12's own Mesa (22.3) is too old for Dawn.
    const addBackports: InstallStep[] = hasBackports ? [] : [{ write: BACKPORTS_FILE, content: `${BACKPORTS_LINE}\n` }];
    return { steps: [...addBackports, update, { run: ['apt-get', 'install', '-y', '-t', BACKPORTS, ...PACKAGES] }] };
  }
  // Debian testing and unstable have no version number.
  if (id === 'debian' && (version === '' || Number(version) >= 13)) return { steps: [update, install] };
  if (id === 'ubuntu' && Number(version) >= FIRST_UBUNTU) return { steps: [update, install] };
  if (id === 'debian' || id === 'ubuntu') {
    return { reason: `${name} has no Mesa that is new enough; Debian 12 and Ubuntu 24.04 are the first that do` };
  }
  return { reason: `${name} is not known here; install Mesa's Vulkan drivers, 24 or newer, with its package manager` };
}

/** The plan for the system that this runs on. */
export async function installPlanHere(): Promise<InstallPlan> {
  const osRelease = await readOr('/etc/os-release', '');
  return installPlan({ platform: process.platform, osRelease, hasBackports: await hasBackports('/etc/apt') });
}

/** The steps as lines for a shell, with sudo unless they are for root. */
export function shellLines(steps: InstallStep[], root: boolean): string[] {
  const sudo = root ? '' : 'sudo ';
  return steps.map((step) => {
    if ('run' in step) return `${sudo}${step.run.join(' ')}`;
    const echo = `echo '${step.content.trim()}'`;
    return root ? `${echo} > ${step.write}` : `${echo} | sudo tee ${step.write}`;
  });
}

/** Whether this process may write to the system. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** `KEY=value` lines, the value bare or in quotes. */
function parseOsRelease(text: string): Record<string, string> {
  const lines = text.matchAll(/^([A-Z_]+)=(["']?)(.*)\2$/gm);
  return Object.fromEntries(Array.from(lines, ([, key, , value]) => [key, value]));
}

/** Looks for bookworm-backports in apt's sources, in both of its formats, outside comments. */
async function hasBackports(aptFolder: string): Promise<boolean> {
  const parts = join(aptFolder, 'sources.list.d');
  const names = await readdir(parts).catch(() => []);
  const files = [join(aptFolder, 'sources.list'), ...names.map((name) => join(parts, name))];
  for (const file of files.filter((path) => /\.(list|sources)$/.test(path))) {
    const lines = (await readOr(file, '')).split('\n');
    if (lines.some((line) => /^\s*(deb|Suites:)\s/.test(line) && line.includes(BACKPORTS))) return true;
  }
  return false;
}

async function readOr(path: string, otherwise: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => otherwise);
}

/** How to install lavapipe, Mesa's software adapter, on this system. */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { offersSuite, type SourceFile, sourceLikeMain } from './apt-sources.ts';

/** One step: a file to write, or a program to run. */
export type InstallStep =
  | { write: string; content: string }
  | {
      run: [program: string, ...args: string[]];
      /** Whether to go on if it fails: what it did not do is missed by a later step. */
      mayFail?: boolean;
    };

/** Either steps that install lavapipe, or the reason why there are none. */
export type InstallPlan = { steps: InstallStep[] } | { reason: string };

/** What the plan depends on. */
export interface SystemFacts {
  platform: NodeJS.Platform;
  /** Text of /etc/os-release; empty if there is none. */
  osRelease: string;
  /** The files of apt's sources. */
  sources: SourceFile[];
}

/** Where apt keeps what a user may read. */
export interface AptPaths {
  /** The main file of sources: /etc/apt/sources.list. */
  sourceList: string;
  /** The folder of further ones: /etc/apt/sources.list.d. */
  sourceParts: string;
  /** What is installed: /var/lib/dpkg/status. */
  status: string;
}

const PACKAGES = ['mesa-vulkan-drivers', 'libvulkan1'] as const;
const BACKPORTS = 'bookworm-backports';
const BACKPORTS_LINE = `deb http://deb.debian.org/debian ${BACKPORTS} main`;
const BACKPORTS_FILE = `/etc/apt/sources.list.d/${BACKPORTS}.list`;
/** The first Ubuntu whose own Mesa (24) has what Dawn asks for. */
const FIRST_UBUNTU = 24.04;

/** Whether Mesa comes from the system's own suite or from bookworm-backports; or why from neither. */
function mesaSource({ platform, osRelease }: SystemFacts): { backports: boolean } | { reason: string } {
  if (platform !== 'linux') {
    return { reason: 'lavapipe is for Linux; here the graphics driver of the system is all that is needed' };
  }
  const { ID: id = '', VERSION_ID: version = '', PRETTY_NAME: name = 'this Linux' } = parseOsRelease(osRelease);
  // Debian 12's own Mesa (22.3) is too old for Dawn.
  if (id === 'debian' && version === '12') return { backports: true };
  // Debian testing and unstable have no version number.
  if (id === 'debian' && (version === '' || Number(version) >= 13)) return { backports: false };
  if (id === 'ubuntu' && Number(version) >= FIRST_UBUNTU) return { backports: false };
  if (id === 'debian' || id === 'ubuntu') {
    return { reason: `${name} has no Mesa that is new enough; Debian 12 and Ubuntu 24.04 are the first that do` };
  }
  return { reason: `${name} is not known here; install Mesa's Vulkan drivers, 24 or newer, with its package manager` };
}

/** The steps that install lavapipe for every user of a system, for root; pure. */
export function installPlan(facts: SystemFacts): InstallPlan {
  const from = mesaSource(facts);
  if ('reason' in from) return from;
  const addBackports: InstallStep[] =
    from.backports && !offersSuite(facts.sources, BACKPORTS)
      ? [{ write: BACKPORTS_FILE, content: `${BACKPORTS_LINE}\n` }]
      : [];
  const install: InstallStep = { run: ['apt-get', 'install', '-y', ...suiteOptions(from.backports), ...PACKAGES] };
  return { steps: [...addBackports, { run: ['apt-get', 'update'] }, install] };
}

/** Where `userPlan` has the packages' files unpacked. */
export function unpackedFolder(work: string): string {
  return join(work, 'unpacked');
}

/** The packages that `userPlan` has downloaded, by their files' names. */
export async function packagesIn(work: string): Promise<string[]> {
  const names = await readdir(archivesFolder(work));
  return names.filter((name) => name.endsWith('.deb')).sort();
}

function archivesFolder(work: string): string {
  return join(work, 'cache', 'archives');
}

/**
 * The steps that get lavapipe, its loader and the libraries that a system lacks into a folder, for any user; pure. Apt reads
 * the system's configuration, sources, keys and list of installed packages, and writes only to that folder.
 *
 * @param work - an empty folder; `unpackedFolder(work)` is where the packages' files will be.
 */
export function userPlan(facts: SystemFacts, apt: AptPaths, work: string): InstallPlan {
  const from = mesaSource(facts);
  if ('reason' in from) return from;
  const state = join(work, 'state');
  const cache = join(work, 'cache');
  const archives = archivesFolder(work);
  const unpacked = unpackedFolder(work);
  const status = join(state, 'status');
  const parts = join(work, 'sources.list.d');
  const steps: InstallStep[] = [
    { run: ['mkdir', '-p', join(state, 'lists', 'partial'), join(archives, 'partial'), parts, unpacked] },
    { run: ['cp', apt.status, status] },
  ];
  const addsSource = from.backports && !offersSuite(facts.sources, BACKPORTS);
  if (addsSource) {
    const { name, text } = sourceLikeMain(facts.sources, BACKPORTS, 'bookworm');
    steps.push({ run: ['cp', '-r', `${apt.sourceParts.replace(/\/$/, '')}/.`, parts], mayFail: true });
    steps.push({ write: join(parts, name), content: text });
  }
  const configuration = join(work, 'apt.conf');
  const settings = [
    ['Dir::State', state],
    ['Dir::State::lists', join(state, 'lists')],
    ['Dir::State::status', status],
    ['Dir::Cache', cache],
    ['Dir::Cache::archives', archives],
    ...(addsSource ? [['Dir::Etc::SourceParts', parts]] : []),
    ['APT::Install-Recommends', 'false'],
    // Root's downloads would run as a user who cannot enter the folder.
    ['APT::Sandbox::User', 'root'],
    // Neither translations nor source packages are of use.
    ['Acquire::Languages', 'none'],
    ['Acquire::IndexTargets::deb-src::Sources::DefaultEnabled', 'false'],
  ].map(([key, value]) => `${key} "${value}";`);
  // What the system does after an update of its own lists.
  const hooks = ['Pre-Invoke', 'Post-Invoke', 'Post-Invoke-Success'].map((hook) => `#clear APT::Update::${hook};`);
  steps.push({ write: configuration, content: `${[...settings, ...hooks].join('\n')}\n` });
  const aptGet = ['apt-get', '-c', configuration] as const;
  const suite = suiteOptions(from.backports);
  return {
    steps: [
      ...steps,
      // It fails if any source does, be it of no concern here.
      { run: [...aptGet, 'update'], mayFail: true },
      { run: [...aptGet, 'install', '-y', '--download-only', ...suite, ...PACKAGES] },
      { run: ['sh', '-ec', 'for deb in "$1"/*.deb; do dpkg-deb -x "$deb" "$2"; done', 'sh', archives, unpacked] },
    ],
  };
}

function suiteOptions(backports: boolean): string[] {
  return backports ? ['-t', BACKPORTS] : [];
}

/** The facts of the system that this runs on. */
export async function factsHere(): Promise<SystemFacts & { apt: AptPaths }> {
  const apt = await aptPaths();
  return {
    platform: process.platform,
    osRelease: await readOr('/etc/os-release', ''),
    sources: await sourceFiles(apt),
    apt,
  };
}

/** The plan that installs lavapipe on the system that this runs on, for root. */
export async function installPlanHere(): Promise<InstallPlan> {
  return installPlan(await factsHere());
}

/** The steps as lines for a shell, with sudo unless they are for root. */
export function shellLines(steps: InstallStep[], root: boolean): string[] {
  const sudo = root ? '' : 'sudo ';
  return steps.map((step) => {
    if ('run' in step) return `${sudo}${step.run.map(quoted).join(' ')}`;
    const echo = `echo ${inQuotes(step.content.trim())}`;
    return root ? `${echo} > ${quoted(step.write)}` : `${echo} | sudo tee ${quoted(step.write)}`;
  });
}

/** Whether this process may write to the system. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : inQuotes(word);
}

function inQuotes(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** `KEY=value` lines, the value bare or in quotes. */
function parseOsRelease(text: string): Record<string, string> {
  const lines = text.matchAll(/^([A-Z_]+)=(["']?)(.*)\2$/gm);
  return Object.fromEntries(Array.from(lines, ([, key, , value]) => [key, value]));
}

/** Asks apt, whose configuration may name other files than the usual ones; the usual ones where there is no apt. */
async function aptPaths(): Promise<AptPaths> {
  const keys = ['LIST', 'Dir::Etc::SourceList/f', 'PARTS', 'Dir::Etc::SourceParts/d', 'STATUS', 'Dir::State::status/f'];
  const output = await promisify(execFile)('apt-config', ['shell', ...keys]).catch(() => ({ stdout: '' }));
  const found = new Map(Array.from(output.stdout.matchAll(/^(\w+)='(.+)'$/gm), ([, key, value]) => [key, value]));
  return {
    sourceList: found.get('LIST') ?? '/etc/apt/sources.list',
    sourceParts: found.get('PARTS') ?? '/etc/apt/sources.list.d',
    status: found.get('STATUS') ?? '/var/lib/dpkg/status',
  };
}

async function sourceFiles({ sourceList, sourceParts }: AptPaths): Promise<SourceFile[]> {
  const names = await readdir(sourceParts).catch(() => []);
  const paths = [sourceList, ...names.map((name) => join(sourceParts, name))];
  return Promise.all(paths.map(async (name) => ({ name, text: await readOr(name, '') })));
}

async function readOr(path: string, otherwise: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => otherwise);
}

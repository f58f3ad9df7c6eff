/** Where a trial's files are kept for other computers: in the database, or in a folder that all of them share. */
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { writeFileAtomic } from '../files.ts';
import type { SqlStore } from './sql-store.ts';
import { trialFolder } from './study-folder.ts';
import type { TrialFiles } from './worker.ts';

export interface KeptFiles extends TrialFiles {
  getAll(trial: { studyId: string; trial: number }): Promise<{ name: string; content: Uint8Array }[]>;
}

export function databaseFiles(store: SqlStore): KeptFiles {
  return {
    put: (claim, name, content) => store.putFile(claim, name, content),
    async getAll({ trial }) {
      const files: { name: string; content: Uint8Array }[] = [];
      for (const name of await store.fileNames(trial)) {
        const content = await store.file(trial, name);
        if (content) files.push({ name: safeName(name), content });
      }
      return files;
    },
  };
}

/** What comes from a database names a file of the folder, never one elsewhere. */
function safeName(name: string): string {
  if (basename(name) !== name || !/^[\w.-]+$/.test(name) || name.startsWith('.')) {
    throw new Error(`the study has a file ${JSON.stringify(name)}, expected a plain name: it is not written`);
  }
  return name;
}

export function sharedFiles(store: SqlStore, root: string): KeptFiles {
  const folderOf = (studyId: string, trial: number) => join(root, studyId, trialFolder(trial));
  return {
    async put(claim, name, content) {
      // Whoever has lost the claim writes nothing. Should it be lost just now: files of one trial are the same whoever writes them.
      if ((await store.beat(claim)) === 'lost') return false;
      const folder = folderOf(claim.studyId, claim.trial);
      await mkdir(folder, { recursive: true });
      await writeFileAtomic(join(folder, name), content);
      return true;
    },
    async getAll({ studyId, trial }) {
      const folder = folderOf(studyId, trial);
      const names = await readdir(folder).catch(() => [] as string[]);
      const own = names.filter((name) => !name.startsWith('.'));
      return Promise.all(own.map(async (name) => ({ name, content: await readFile(join(folder, name)) })));
    },
  };
}

/** Writes a trial's run folder, whole or not at all; one that is there stays. */
export async function fetchTrial(
  files: KeptFiles,
  trial: { studyId: string; trial: number },
  path: string,
): Promise<void> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (isThere) return;
  const kept = await files.getAll(trial);
  if (kept.length === 0) return;
  const aside = join(dirname(path), `.${basename(path)}.tmp`);
  await rm(aside, { recursive: true, force: true });
  await mkdir(aside, { recursive: true });
  for (const { name, content } of kept) await writeFile(join(aside, name), content);
  await rename(aside, path);
}

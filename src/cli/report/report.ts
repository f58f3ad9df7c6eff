import { checkOut, writeOut } from '../explore/session.ts';
import { thousands } from '../format.ts';
import type { ReportSettings } from '../report-command.ts';
import { reportPage } from './page.ts';
import { readRuns } from './runs.ts';

/**
 * `webgpu-vae report`: runs on one page.
 * @returns 0
 * @throws UsageError for a folder that is no run's, or a file that is there already; Error for files that are broken
 */
export async function report({ runs: folders, out, force }: ReportSettings): Promise<number> {
  await checkOut(out, ['html'], force);
  const runs = await readRuns(folders);
  const page = reportPage(runs);
  await writeOut(out, page);
  const count = `${runs.length} ${runs.length === 1 ? 'run' : 'runs'}`;
  process.stdout.write(`${out}: ${count}, ${thousands(Buffer.byteLength(page))} bytes.\n`);
  return 0;
}

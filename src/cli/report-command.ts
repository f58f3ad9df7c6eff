import { Command } from 'commander';
import { option, text } from './options.ts';

/** What `webgpu-vae report` was asked for. */
export interface ReportSettings {
  /** Folders of runs. */
  runs: string[];
  out: string;
  force: boolean;
}

export function reportCommand(run: (settings: ReportSettings) => Promise<void>): Command {
  return new Command('report')
    .summary('compare runs on one page')
    .description(
      'Writes one HTML page, which needs nothing else, with the losses of several runs in one chart, their pictures side by side, what of their settings differs, and what eval measured.',
    )
    .argument('<run...>', 'folders of runs')
    .addOption(option('--out <file>', 'the page', text, { value: 'report.html' }))
    .option('--force', 'replace the file if there is one (default: off)')
    .action(async (runs: string[], { out, force }: { out: string; force?: boolean }) => {
      await run({ runs, out, force: force === true });
    });
}

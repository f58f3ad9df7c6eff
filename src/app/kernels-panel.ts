import { type AdapterDescription, createDevice, DeviceLostError, type DispatchTime, formatBytes } from 'webgpu-vae';
import type { CheckReport } from 'webgpu-vae/check';
import { stepFlops } from 'webgpu-vae/kernels';
import { button, element, region, saveFile, setEnabled, throttled } from './dom.ts';
import { formatNumber } from './numbers.ts';
import type { Session } from './session.ts';
import { formatRate } from './status.ts';

/** Browsers round timestamps to 100 µs, so many steps are needed on a fast GPU, and few are enough on a slow one. */
const PROFILED_STEPS = { software: 4, hardware: 64 };

/** What the GPU does: numbers of a step, time by kernel, and whether this GPU computes right. */
export class KernelsPanel {
  readonly root: HTMLElement;
  #session: Session;
  #facts = element('dl', { class: 'facts' });
  #profile = element('div', { class: 'table' });
  #checks = element('div', { class: 'table' });
  #check: HTMLButtonElement;
  #measure: HTMLButtonElement;
  #export: HTMLButtonElement;
  #checkText = element('p', { class: 'hint', 'aria-live': 'polite' });
  #reports: CheckReport[] = [];
  /** How many checks there are for this adapter. */
  #planned = 0;
  #abort: AbortController | undefined;

  constructor(session: Session) {
    this.#session = session;
    this.#measure = button('Measure kernels', () => void this.#measureKernels());
    this.#check = button('Check this GPU', () => {
      if (this.#abort) this.#abort.abort();
      else void this.#checkGpu();
    });
    this.#export = button('Export JSON', () => this.#save(), { 'aria-label': 'Export the check as JSON' });
    this.#export.hidden = true;
    this.root = region(
      'Kernels',
      this.#facts,
      element('div', { class: 'tools' }, this.#measure, this.#check, this.#export),
      element(
        'p',
        { class: 'hint' },
        'Measuring pauses training and takes a few steps with a timestamp around every dispatch, then puts the model back. The check pauses training, too, and compares every kernel with the same formula in float64; it takes a minute or two on a software adapter, and can be stopped. Training then goes on.',
      ),
      this.#profile,
      this.#checkText,
      this.#checks,
    );
    const update = throttled(session.updateEveryMs, () => this.update());
    session.listen((event) => {
      if (event === 'model') this.#profile.replaceChildren();
      update();
    });
    this.update();
  }

  /** Shows the session's present numbers. */
  update(): void {
    const { vae, device, progress } = this.#session;
    const flops = stepFlops(vae.settled.problems);
    const rate = progress?.stepsPerSecond;
    const facts: [string, string][] = [
      ['Adapter', `${device.info.name}${device.info.software ? ' (software)' : ''}`],
      ['Parameters', vae.table.count.toLocaleString('en-US')],
      ['Dispatches per step', String(vae.dispatchesPerStep)],
      ['Arithmetic per step', `${(flops / 1e9).toFixed(2)} GFLOP`],
      ['Speed', rate ? `${formatRate(rate)}, ${formatNumber((rate * flops) / 1e9, 0)} GFLOP/s` : '–'],
      ['GPU memory', formatBytes(device.allocatedBytes)],
    ];
    this.#facts.replaceChildren(
      ...facts.flatMap(([name, value]) => [element('div', {}, element('dt', {}, name), element('dd', {}, value))]),
    );
  }

  async #measureKernels(): Promise<void> {
    setEnabled(this.#measure, false);
    try {
      const steps = PROFILED_STEPS[this.#session.device.info.software ? 'software' : 'hardware'];
      const times = await this.#session.exclusive((vae) => vae.profile(steps));
      this.#profile.replaceChildren(timesTable(times));
    } catch (error) {
      this.#session.onError(error);
    } finally {
      setEnabled(this.#measure, true);
      this.update();
    }
  }

  /** On a device of its own, so that nothing it does can harm the model. */
  async #checkGpu(): Promise<void> {
    const abort = new AbortController();
    this.#abort = abort;
    this.#check.textContent = 'Stop the check';
    this.#reports = [];
    try {
      await this.#session.pausedDuring(() => this.#runChecks(abort.signal));
    } catch (error) {
      this.#session.onError(error);
    } finally {
      this.#abort = undefined;
      this.#check.textContent = 'Check this GPU';
    }
  }

  async #runChecks(signal: AbortSignal): Promise<void> {
    const device = await createDevice();
    let lost = false;
    try {
      // Most visitors do without them.
      const { checksFor, runCheck } = await import('webgpu-vae/check');
      const checks = checksFor(device);
      this.#planned = checks.length;
      for (const [i, check] of checks.entries()) {
        if (signal.aborted) break;
        if (i % 10 === 0) this.#checkText.textContent = `Check ${i + 1} of ${checks.length}`;
        this.#reports.push(await runCheck(check, device));
      }
    } catch (error) {
      if (!(error instanceof DeviceLostError)) throw error;
      lost = true;
    } finally {
      device.dispose();
    }
    this.#showReports(device.info, lost);
  }

  /** @param lost the device was, before all checks were done */
  #showReports({ name }: AdapterDescription, lost: boolean): void {
    const failed = this.#reports.filter(({ ok }) => !ok);
    const [done, all] = [this.#reports.length, this.#planned];
    const broken = lost ? 'The GPU device was lost' : 'Stopped';
    const ending = done < all ? `${broken} after ${done} of ${all} checks.` : `All ${all} checks are done.`;
    const verdict =
      failed.length === 0
        ? `None failed on ${name}: what was compared agrees with float64 within its tolerance.`
        : `${failed.length} failed on ${name}: its results cannot be trusted. ${failed[0]!.message}`;
    this.#checkText.textContent = `${ending} ${verdict}`;
    const rows = [...failed, ...this.#reports.filter(({ ok }) => ok)].map((report) => {
      const { worst } = report;
      const error = worst ? worst.error.toExponential(1) : '–';
      const allowed = worst ? worst.tolerance.toExponential(1) : '–';
      return [report.name, report.ok ? 'passed' : 'failed', error, allowed];
    });
    this.#checks.replaceChildren(table('Kernels against float64', ['Check', 'Result', 'Worst error', 'Allowed'], rows));
    this.#export.hidden = false;
  }

  #save(): void {
    const adapter = this.#session.device.info;
    const report = {
      adapter,
      userAgent: navigator.userAgent,
      date: new Date().toISOString(),
      planned: this.#planned,
      checks: this.#reports,
    };
    saveFile('gpu-check.json', JSON.stringify(report, null, 2), 'application/json');
  }
}

function timesTable(times: DispatchTime[]): HTMLElement {
  const total = times.reduce((sum, { ms }) => sum + ms, 0);
  const rows = times.map(({ label, ms, workgroups }) => [
    label,
    workgroups.join(' × '),
    ms.toFixed(3),
    `${((100 * ms) / Math.max(total, 1e-9)).toFixed(1)} %`,
  ]);
  return table(`GPU time of a step: ${total.toFixed(2)} ms`, ['Dispatch', 'Workgroups', 'ms', 'Share'], rows);
}

function table(caption: string, head: string[], rows: string[][]): HTMLElement {
  const cells = (row: string[], tag: 'th' | 'td') =>
    element('tr', {}, ...row.map((text) => element(tag, tag === 'th' ? { scope: 'col' } : {}, text)));
  return element(
    'table',
    { tabindex: 0 },
    element('caption', {}, caption),
    element('thead', {}, cells(head, 'th')),
    element('tbody', {}, ...rows.map((row) => cells(row, 'td'))),
  );
}

import { type Snapshot, writeCheckpoint } from 'webgpu-vae';
import type { Run } from './run.ts';
import type { Session } from './session.ts';
import { listRuns, type StoredRun, storeData, storeRun } from './storage.ts';

/** When a training that has just begun is kept: it shall survive a reload, however young. Later its own snapshots suffice. */
const EARLY_MS = [0, 5_000, 15_000];
/** Epochs may be shorter than it takes to write them: in between, steps shall be done. What comes meanwhile waits. */
const PAUSE_MS = 3_000;

/**
 * Keeps every run in its slot of the browser's storage, and knows which of them can be resumed here: not those of other
 * images, nor those that another tab has open.
 */
export class Keeper {
  #session: Session;
  #onTrouble: (error: unknown) => void;
  /** A run was kept. */
  onKept: () => void = () => {};
  /** What is to be written next; of several snapshots of a run, the last. */
  #waiting = new Map<Run, Snapshot>();
  #writing = false;
  #told = false;
  #early = [...EARLY_MS];
  #beganAt = 0;
  /** What was written last, and whether that was a moment ago. */
  #written: Snapshot | undefined;
  #pausing = false;
  /** Ids of the runs whose slots are this tab's until it is closed. */
  #claimed = new Set<string>();

  /** @param onTrouble told once: training goes on without being kept */
  constructor(session: Session, onTrouble: (error: unknown) => void) {
    this.#session = session;
    this.#onTrouble = onTrouble;
    session.listen((event) => {
      if (event === 'snapshot') this.#keep();
      else if (event === 'activity' && session.training) this.#begin();
      else if (event === 'activity') this.#keep();
      else if (event === 'progress') this.#keepEarly();
    });
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) this.#ask();
    });
  }

  /** The run to offer: the last one that is of these images and not open anywhere. */
  async offer(): Promise<StoredRun | undefined> {
    const { run, replaced, vae } = this.#session;
    const { fingerprint, trainCount, testCount } = vae.lastSnapshot.data;
    const held = await openElsewhere();
    return (await listRuns()).find(
      ({ id, data }) =>
        data.fingerprint === fingerprint &&
        data.trainCount === trainCount &&
        data.testCount === testCount &&
        id !== run.id &&
        id !== replaced?.run.id &&
        (this.#claimed.has(id) || !held.has(lockName(id))),
    );
  }

  /** Makes a slot this tab's own. Returns false when another tab has it. */
  async claim(id: string): Promise<boolean> {
    if (this.#claimed.has(id) || !('locks' in navigator)) return true;
    const got = await new Promise<boolean>((resolve, reject) => {
      const held = (lock: Lock | null): Promise<void> | undefined => {
        resolve(lock !== null);
        // Held until the tab is closed.
        return lock ? new Promise(() => {}) : undefined;
      };
      navigator.locks.request(lockName(id), { ifAvailable: true }, held).catch(reject);
    });
    if (got) this.#claimed.add(id);
    return got;
  }

  #begin(): void {
    this.#early = [...EARLY_MS];
    this.#beganAt = performance.now();
  }

  #keepEarly(): void {
    const [next] = this.#early;
    if (next === undefined || performance.now() - this.#beganAt < next) return;
    this.#early.shift();
    this.#ask();
  }

  /** Training says itself what becomes of it when this fails. */
  #ask(): void {
    this.#session.keep().catch(() => {});
  }

  #keep(): void {
    const { vae, run, training } = this.#session;
    const { lastSnapshot } = vae;
    // What is left out now is kept after the pause, or when training ends.
    if (lastSnapshot.step === 0 || lastSnapshot === this.#written || (training && this.#pausing)) return;
    this.#waiting.set(run, lastSnapshot);
    void this.#write();
  }

  async #write(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    try {
      for (let next = this.#takeOne(); next; next = this.#takeOne()) {
        const [run, snapshot] = next;
        // Two tabs that go on from the same slot are two runs.
        if (!(await this.claim(run.id))) {
          run.id = crypto.randomUUID();
          await this.claim(run.id);
        }
        const { config, data, step, seconds } = snapshot;
        const steps = Math.ceil((config.epochs * data.trainCount) / config.batch);
        this.#written = snapshot;
        const { id, name, metrics } = run;
        const stored = { id, name, config, data, step, steps, seconds, curve: metrics.curve, savedAt: Date.now() };
        // The page's server has MNIST.
        if (run.data.name !== 'MNIST') await storeData(data.fingerprint, run.data);
        await storeRun(stored, writeCheckpoint(snapshot));
        this.onKept();
        this.#pause();
      }
    } catch (error) {
      if (!this.#told) this.#onTrouble(error);
      this.#told = true;
    } finally {
      this.#writing = false;
    }
  }

  #pause(): void {
    if (this.#pausing) return;
    this.#pausing = true;
    setTimeout(() => {
      this.#pausing = false;
      this.#keep();
    }, PAUSE_MS);
  }

  #takeOne(): [Run, Snapshot] | undefined {
    const [next] = this.#waiting;
    if (next) this.#waiting.delete(next[0]);
    return next;
  }
}

function lockName(id: string): string {
  return `webgpu-vae run ${id}`;
}

/** Names of the locks that are held, by this tab too. */
async function openElsewhere(): Promise<Set<string>> {
  if (!('locks' in navigator)) return new Set();
  const { held = [] } = await navigator.locks.query();
  return new Set(held.flatMap(({ name }) => name ?? []));
}

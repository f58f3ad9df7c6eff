import { Painter } from '../gpu/painter.ts';
import { Stopwatch } from '../gpu/stopwatch.ts';
import type { Model } from '../vae/inference.ts';
import type { Session } from './session.ts';

/** Something that shows the model live. */
export interface View {
  /** Makes what it needs on the model's device; what it had before is gone with `unbind`. */
  bind(model: Model, painter: Painter, session: Session): void;
  /** Frees what it made. The device may be lost. */
  unbind(): void;
  /**
   * The submissions, in order, of one look; none waits for the GPU.
   * @param full bring everything up to date, not only what is cheap enough for every few steps
   */
  pieces(full: boolean): (() => void)[];
  /** Called when a look's pieces are done on the GPU. */
  seen?(full: boolean): Promise<void>;
}

/**
 * The part of the GPU's time that each kind of look may take from training. Compositing the page comes on top, and where
 * the CPU is the GPU that takes steps away, too. A full look of MNIST's test images takes 3 % of an epoch.
 */
const SHARE = { software: { live: 0.02, full: 0.035 }, hardware: { live: 0.05, full: 0.05 } };
/** Nobody sees more pictures per second. */
const SHORTEST_PAUSE_MS = 50;

/**
 * Keeps views up to date: cheap live looks all the time while training, a full one after every epoch and when training
 * ends. Each kind pauses after a look for as long as keeps it within its share; a full look that would come too soon is
 * left to the next epoch. Nothing is drawn in a hidden tab.
 */
export class Views {
  #session: Session;
  #views: readonly View[];
  #painter: Painter | undefined;
  #stopwatch: Stopwatch | undefined;
  #generation = 0;
  #wanted = { live: false, full: false };
  /** While training neither kind of look begins before its time. */
  #notBefore = { live: 0, full: 0 };
  #looping = false;

  constructor(session: Session, views: readonly View[]) {
    this.#session = session;
    this.#views = views;
    session.listen((event) => {
      if (event === 'model') this.#bind();
      else if (event === 'progress') this.look('live');
      else if (event === 'epoch' || (event === 'activity' && !session.training && !session.busy)) this.look('full');
    });
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.look('full');
    });
  }

  /** Binds the views to the model that is there already. */
  start(): void {
    this.#bind();
  }

  /** Brings the views up to date, soon. */
  look(what: 'live' | 'full'): void {
    this.#wanted[what] = true;
    void this.#loop();
  }

  #bind(): void {
    this.#generation++;
    this.#notBefore = { live: 0, full: 0 };
    for (const view of this.#views) view.unbind();
    this.#painter?.dispose();
    const { device, model } = this.#session.vae;
    try {
      // It may be running, and must not lose its buffers then; those of a lost device are gone.
      if (this.#stopwatch?.device !== device) {
        this.#stopwatch?.dispose();
        this.#stopwatch = device.features.has('timestamp-query') ? new Stopwatch(device) : undefined;
      }
      this.#painter = new Painter(device, navigator.gpu.getPreferredCanvasFormat());
      for (const view of this.#views) view.bind(model, this.#painter, this.#session);
    } catch (error) {
      this.#session.lookFailed(error);
      return;
    }
    this.look('full');
  }

  async #loop(): Promise<void> {
    if (this.#looping) return;
    this.#looping = true;
    try {
      while (!document.hidden) {
        const due = this.#due();
        if (due === undefined) break;
        if (typeof due === 'number') await pause(due);
        else await this.#look(due);
      }
    } catch (error) {
      this.#session.lookFailed(error);
    } finally {
      this.#looping = false;
    }
    // What was asked for while an error ended the loop.
    if (!document.hidden && this.#due() !== undefined) setTimeout(() => void this.#loop(), 100);
  }

  /** The look to take now, or for how many milliseconds none is due, or undefined if none is wanted. */
  #due(): 'live' | 'full' | number | undefined {
    const { live, full } = this.#wanted;
    const now = performance.now();
    const { training } = this.#session;
    if (full && (!training || this.#notBefore.full <= now)) return 'full';
    this.#wanted.full = false;
    if (!live) return undefined;
    // Short enough to notice soon that training has ended.
    return !training || this.#notBefore.live <= now ? 'live' : SHORTEST_PAUSE_MS;
  }

  async #look(kind: 'live' | 'full'): Promise<void> {
    const full = kind === 'full';
    this.#wanted[kind] = false;
    // A full look is a live one, too.
    if (full) this.#wanted.live = false;
    const generation = this.#generation;
    const stale = () => generation !== this.#generation || document.hidden;
    const pieces = this.#views.flatMap((view) => view.pieces(full));
    // A full look goes piece by piece, so that what the visitor does meanwhile finds a short queue.
    const portions = full ? pieces.map((piece) => [piece]) : [pieces];
    let costMs = 0;
    for (const portion of portions) {
      costMs += await this.#costOf(portion);
      if (stale()) return;
    }
    for (const view of this.#views) {
      await view.seen?.(full);
      if (stale()) return;
    }
    const share = SHARE[this.#session.device.info.software ? 'software' : 'hardware'][kind];
    this.#notBefore[kind] = performance.now() + Math.max(SHORTEST_PAUSE_MS, (costMs * (1 - share)) / share);
  }

  /** Runs pieces and says how long the GPU was busy with them, or without a clock how long it took to get them. */
  async #costOf(pieces: readonly (() => void)[]): Promise<number> {
    const run = (): void => {
      for (const piece of pieces) piece();
    };
    const begin = performance.now();
    if (!this.#stopwatch) {
      run();
      await this.#session.device.handle.queue.onSubmittedWorkDone();
    }
    const gpuMs = await this.#stopwatch?.time(run);
    // Without a clock training's steps before the pieces count, too; with a wrong one nothing more than that does.
    return Math.min(gpuMs ?? Number.POSITIVE_INFINITY, performance.now() - begin);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

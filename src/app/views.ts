import { Painter } from '../gpu/painter.ts';
import type { Model } from '../vae/inference.ts';
import type { Session } from './session.ts';

/** Something that shows the model live. */
export interface View {
  /** Makes what it needs on the model's device; what it had before is gone with `unbind`. */
  bind(model: Model, painter: Painter, session: Session): void;
  /** Frees what it made. The device may be lost. */
  unbind(): void;
  /**
   * The submissions, in order, that bring it up to date; none waits for the GPU.
   * @param full everything, not only what is cheap enough for every few steps
   */
  pieces(full: boolean): (() => void)[];
  /** Called when the pieces of a full look are done on the GPU. */
  seen?(): Promise<void>;
}

/** The part of the GPU's time that looking may take from training; compositing the page comes on top. */
const SHARE = 0.05;

/**
 * Keeps views up to date: all at once while nothing trains, piece by piece with pauses while training, so that looking
 * takes a small part of the time. Nothing is drawn in a hidden tab.
 */
export class Views {
  #session: Session;
  #views: readonly View[];
  #painter: Painter | undefined;
  /** Of the cheapest look so far, by view and piece: what it costs when nothing else is in the queue. */
  #costs = new Map<View, number[]>();
  #generation = 0;
  #wanted: 'nothing' | 'live' | 'full' = 'nothing';
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
    if (this.#wanted !== 'full') this.#wanted = what;
    void this.#loop();
  }

  #bind(): void {
    this.#generation++;
    this.#costs.clear();
    for (const view of this.#views) view.unbind();
    this.#painter?.dispose();
    const { device, model } = this.#session.vae;
    try {
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
      while (this.#wanted !== 'nothing' && !document.hidden) {
        const full = this.#wanted === 'full';
        this.#wanted = 'nothing';
        await this.#lookOnce(full);
      }
    } catch (error) {
      this.#session.lookFailed(error);
    } finally {
      this.#looping = false;
    }
    if (this.#wanted !== 'nothing' && !document.hidden) setTimeout(() => void this.#loop(), 100);
  }

  async #lookOnce(full: boolean): Promise<void> {
    const generation = this.#generation;
    const { device } = this.#session.vae;
    for (const view of this.#views) {
      const costs = this.#costs.get(view) ?? [];
      this.#costs.set(view, costs);
      for (const [i, piece] of view.pieces(full).entries()) {
        const start = performance.now();
        piece();
        await device.handle.queue.onSubmittedWorkDone();
        if (generation !== this.#generation) return;
        // The first piece also compiles; the later ones of a view cost the same.
        const kind = Math.min(i, 1);
        costs[kind] = Math.min(costs[kind] ?? Number.POSITIVE_INFINITY, performance.now() - start);
        if (this.#session.training) await pause((costs[kind] * (1 - SHARE)) / SHARE);
        if (generation !== this.#generation) return;
      }
      if (full) await view.seen?.();
      if (generation !== this.#generation) return;
    }
    if (this.#session.training) await pause(50);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

import { LiveEncoder, type Model, ModelCopy } from 'webgpu-vae';
import { download, Stopwatch } from 'webgpu-vae/kernels';
import { flattenParameters } from 'webgpu-vae/nn';
import { Painter } from './painter.ts';
import type { PastModel } from './past-models.ts';
import { EXAMPLE } from './run.ts';
import type { Session } from './session.ts';

/** One model, as all views show it. */
export interface Picture {
  /** Steps that the model has behind it. */
  step: number;
  /** The epoch at whose end it was so, if the visitor looks back. */
  epoch: number | undefined;
  /** What it is called instead, if it has no steps of this run. */
  name: string | undefined;
  /** What it makes of the first test images: (n, 2 L) f32, μ, then log σ². Without any, none are encoded yet. */
  heads: Float32Array;
}

/** Something that shows a model. */
export interface View {
  /**
   * Makes what it needs on the models' device; what it had before is gone with `unbind`.
   * @param shown what the picture is of; its parameters change only when `show` is called
   * @param next what the next picture will be of
   */
  bind(shown: Model, next: Model, painter: Painter, session: Session): void;
  /** Frees what it made. The device may be lost. */
  unbind(): void;
  /** What takes a read-back of the next model, before it is shown. */
  prepare?(): Promise<void>;
  /** Shows the model that is bound as shown, which is another one now: submits, does not wait. */
  show(picture: Picture): void;
}

/** What there is for a model on a device. */
interface Bound {
  painter: Painter;
  shown: ModelCopy;
  next: ModelCopy;
  encoder: LiveEncoder;
}

/** Test images on the plane; more would be a cloud. */
const MOST_POINTS = 10_000;
/** Points that a software adapter keeps up to date while training; all of them after epochs. */
const SLOW_POINTS = 1_000;
/** Images encoded at once: few where that takes long, so that the queue stays short. */
const PIECE = { software: 500, hardware: 2500 };
/**
 * The part of the GPU's time that each kind of look may take from training. Compositing the page comes on top, and where
 * the CPU is the GPU that takes steps away, too. A full look of MNIST's test images takes 3 % of an epoch.
 */
const SHARE = { software: { live: 0.02, full: 0.035 }, hardware: { live: 0.05, full: 0.05 } };
/** Nobody sees more pictures per second. */
const SHORTEST_PAUSE_MS = 50;

/**
 * Keeps views up to date: live looks all the time while training, a full one after every epoch and when training ends.
 * A look takes a copy of the model, encodes test images with it piece by piece, and then shows all views of that copy at
 * once, so that nobody sees two models together. Live looks pause after each piece, full ones at their end, for as long as
 * keeps them within their share; a full look that would come too soon is left to the next epoch. Nothing is drawn in a
 * hidden tab.
 */
export class Views {
  /** What is shown now. */
  picture: Picture | undefined;
  #session: Session;
  #views: readonly View[];
  #onShow: (picture: Picture) => void;
  #bound: Bound | undefined;
  #stopwatch: Stopwatch | undefined;
  /** Raised by whatever makes a look that is under way useless. */
  #generation = 0;
  #wanted = { live: false, full: false };
  /** While training neither kind of look begins before its time. */
  #notBefore = { live: 0, full: 0 };
  /** The epoch that the visitor looks back to. */
  #past: PastModel | undefined;
  #looping = false;
  #printing = false;

  constructor(session: Session, views: readonly View[], onShow: (picture: Picture) => void) {
    this.#session = session;
    this.#views = views;
    this.#onShow = onShow;
    session.listen((event) => {
      if (event === 'model') this.#bind();
      else if (event === 'progress') this.#look('live');
      else if (event === 'epoch' || (event === 'activity' && !session.training && !session.busy)) this.#look('full');
    });
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.#look('full');
    });
    addEventListener('beforeprint', () => {
      this.#printing = true;
    });
    addEventListener('afterprint', () => {
      this.#printing = false;
      this.#look('full');
    });
  }

  /** Nobody looks, or what is seen is being put on paper and must stay what it is. */
  get #still(): boolean {
    return document.hidden || this.#printing;
  }

  /** Binds the views to the model that is there already. */
  start(): void {
    this.#bind();
  }

  /** Shows the model of a past epoch, or the present one again. */
  lookBack(past: PastModel | undefined): void {
    if (past === this.#past) return;
    this.#past = past;
    this.#generation++;
    this.#notBefore = { live: 0, full: 0 };
    this.#wanted = { live: true, full: true };
    void this.#loop();
  }

  #look(what: 'live' | 'full'): void {
    // What is past does not change.
    if (this.#past) return;
    this.#wanted[what] = true;
    void this.#loop();
  }

  #bind(): void {
    this.#generation++;
    this.#notBefore = { live: 0, full: 0 };
    this.#past = undefined;
    this.picture = undefined;
    for (const view of this.#views) view.unbind();
    this.#unbind();
    const { data, vae } = this.#session;
    const { device, model } = vae;
    const { images, count } = data.test;
    const copies: ModelCopy[] = [];
    const painter = new Painter(device, navigator.gpu.getPreferredCanvasFormat());
    try {
      // It may be running, and must not lose its buffers then; those of a lost device are gone.
      if (this.#stopwatch?.device !== device) {
        this.#stopwatch?.dispose();
        this.#stopwatch = device.features.has('timestamp-query') ? new Stopwatch(device) : undefined;
      }
      for (let i = 0; i < 2; i++) copies.push(new ModelCopy(model));
      const [shown, next] = copies as [ModelCopy, ModelCopy];
      const points = images.subarray(0, Math.min(count, MOST_POINTS) * model.imageSize);
      const piece = PIECE[device.info.software ? 'software' : 'hardware'];
      this.#bound = { painter, shown, next, encoder: new LiveEncoder(next.model, points, piece) };
      for (const view of this.#views) view.bind(shown.model, next.model, painter, this.#session);
    } catch (error) {
      if (!this.#bound) for (const each of [painter, ...copies]) each.dispose();
      this.#unbind();
      this.#session.lookFailed(error);
      return;
    }
    this.#look('full');
  }

  #unbind(): void {
    if (!this.#bound) return;
    const { painter, shown, next, encoder } = this.#bound;
    for (const each of [painter, shown, next, encoder]) each.dispose();
    this.#bound = undefined;
  }

  async #loop(): Promise<void> {
    if (this.#looping) return;
    this.#looping = true;
    try {
      while (!this.#still && this.#bound) {
        const due = this.#due();
        if (due === undefined) break;
        if (typeof due === 'number') await pause(due);
        else await this.#take(due, this.#bound);
      }
    } catch (error) {
      this.#session.lookFailed(error);
    } finally {
      this.#looping = false;
    }
    // What was asked for while an error ended the loop.
    if (!this.#still && this.#bound && this.#due() !== undefined) setTimeout(() => void this.#loop(), 100);
  }

  /** The look to take now, or for how many milliseconds none is due, or undefined if none is wanted or can be taken. */
  #due(): 'live' | 'full' | number | undefined {
    const { live, full } = this.#wanted;
    const { training, busy } = this.#session;
    if (this.#past) return full ? 'full' : undefined;
    // Whoever has the model for himself may do to it what is undone afterwards; when he is done, he says so.
    if (busy) return undefined;
    const now = performance.now();
    if (full && (!training || this.#notBefore.full <= now)) return 'full';
    this.#wanted.full = false;
    if (!live) return undefined;
    // Short enough to notice soon that training has ended.
    return !training || this.#notBefore.live <= now ? 'live' : SHORTEST_PAUSE_MS;
  }

  /** The model of an epoch that a look is of; without it, of the present one. */
  #sourceOf(full: boolean): PastModel | undefined {
    if (this.#past) return this.#past;
    const { training, run, vae } = this.#session;
    const latest = run.past.all.at(-1);
    if (!latest) return undefined;
    const isNew = latest.step > (this.picture?.step ?? -1);
    return (full && training && isNew) || latest.step === vae.step ? latest : undefined;
  }

  async #take(kind: 'live' | 'full', bound: Bound): Promise<void> {
    const full = kind === 'full';
    this.#wanted[kind] = false;
    // A full look is a live one, too.
    if (full) this.#wanted.live = false;
    const generation = this.#generation;
    const stale = () => generation !== this.#generation || this.#still;
    const paces = !full && this.#session.training;
    const disturbed = () => stale() || !this.#session.training || this.#due() === 'full';
    const share = SHARE[this.#session.device.info.software ? 'software' : 'hardware'][kind];
    const pauseFor = (costMs: number) => (costMs * (1 - share)) / share;
    const begin = performance.now();

    const source = this.#sourceOf(full);
    this.#copy(source, bound);
    const count = this.#pointsOf(full, bound);
    let heads = source?.heads;
    let costMs = 0;
    if (!heads) {
      // Encoding takes a while: until then the rest is seen, of the same model.
      if (!this.picture || this.#past) {
        costMs += await this.#show(bound, new Float32Array(0), stale);
        if (stale()) return;
      }
      for (let first = 0; first < count; first += bound.encoder.batch) {
        const ms = await this.#costOf(() => bound.encoder.run(first));
        costMs += ms;
        if (paces) await pause(pauseFor(ms), disturbed);
        if (paces ? disturbed() : stale()) return;
      }
      const all = await download(bound.next.model.device, bound.encoder.heads);
      if (stale()) return;
      heads = all.slice(0, 2 * bound.next.model.latent * count);
      if (source && count === bound.encoder.count) source.heads = heads;
    }
    const shownMs = await this.#show(bound, heads, stale);
    const wait = pauseFor(paces ? shownMs : costMs + shownMs);
    this.#notBefore[kind] = Math.max(performance.now() + wait, begin + SHORTEST_PAUSE_MS);
  }

  #pointsOf(full: boolean, { encoder }: Bound): number {
    const slow = this.#session.device.info.software;
    return slow && !full ? Math.min(SLOW_POINTS, encoder.count) : encoder.count;
  }

  #copy(source: PastModel | undefined, { next }: Bound): void {
    const { vae } = this.#session;
    if (source) next.put(flattenParameters(vae.table, [...source.parameters]), source.step);
    else next.take(vae.model.param, vae.stepState);
  }

  /** Everything at once, of the next model. Returns what it cost. */
  async #show(bound: Bound, heads: Float32Array, stale: () => boolean): Promise<number> {
    const { next, shown } = bound;
    const [step] = await Promise.all([next.step(), ...this.#views.map((view) => view.prepare?.())]);
    if (stale()) return 0;
    const name = this.#session.run.instead && EXAMPLE;
    const picture = { step, epoch: this.#past?.epoch, name, heads };
    return this.#costOf(() => {
      shown.takeFrom(next);
      for (const view of this.#views) view.show(picture);
      this.picture = picture;
      this.#onShow(picture);
    });
  }

  /** Runs what submits, and says how long the GPU was busy with it, or without a clock how long it took to get it. */
  async #costOf(run: () => void): Promise<number> {
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

/** Waits, unless something ends it sooner. */
async function pause(ms: number, ends: () => boolean = () => false): Promise<void> {
  const end = performance.now() + ms;
  for (let left = ms; left > 0 && !ends(); left = end - performance.now()) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(left, SHORTEST_PAUSE_MS)));
  }
}

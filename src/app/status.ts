import { element } from './dom.ts';
import { formatNumber, fraction, totalName } from './numbers.ts';
import type { Session } from './session.ts';

/** A screen reader hears a change of the text; it shall hear one at most every few seconds. */
const EVERY_MS = 2500;

/** One line on how far training is, and a bar. */
export class Status {
  readonly root: HTMLElement;
  #text = element('div', { role: 'status' });
  #bar = element('progress', { max: 1, value: 0, 'aria-label': 'Progress' });
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lastAt = Number.NEGATIVE_INFINITY;

  constructor() {
    this.root = element('div', { class: 'status' }, this.#text, this.#bar);
  }

  /** Says something at once. */
  say(text: string, part?: number): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#lastAt = performance.now();
    this.#text.textContent = text;
    if (part !== undefined) this.#bar.value = part;
  }

  /** Moves the bar only. */
  move(part: number): void {
    this.#bar.value = part;
  }

  follow(session: Session): void {
    const tell = () => this.say(describe(session), fraction(session.vae.step, session.vae.steps));
    session.listen((event) => {
      if (event === 'snapshot') return;
      if (event === 'progress' && session.training) this.#later(tell);
      else tell();
    });
    tell();
  }

  #later(tell: () => void): void {
    const wait = this.#lastAt + EVERY_MS - performance.now();
    this.#timer ??= setTimeout(tell, Math.max(0, wait));
  }
}

/** The part of a session that the line is about. */
export type Described = Pick<Session, 'progress' | 'training' | 'busy' | 'finished' | 'recovery'> & {
  run?: Pick<Session['run'], 'instead'>;
  vae: Pick<Session['vae'], 'config' | 'step' | 'steps' | 'history'>;
  metrics: Pick<Session['metrics'], 'train'>;
};

/** `epoch 3/20 · step 1406/9375 · −ELBO 152.3 · 41 steps/s · 2:31 left` */
export function describe(session: Described): string {
  const { vae, metrics, progress, recovery } = session;
  if (session.run?.instead && !session.busy)
    return 'a trained example · press Train and watch a model learn this from scratch';
  const parts: string[] = [];
  const done = vae.history.at(-1);
  const begun = (done?.epoch ?? 0) + Number(vae.step > (done?.step ?? 0));
  parts.push(`epoch ${progress?.epoch ?? begun}/${vae.config.epochs}`, `step ${vae.step}/${vae.steps}`);
  const loss = progress?.train.loss ?? metrics.train.at(-1)?.loss;
  if (loss !== undefined) parts.push(`${totalName(vae.config)} ${formatNumber(loss, 1)}`);
  if (session.training && progress) {
    const { stepsPerSecond, secondsLeft } = progress;
    parts.push(formatRate(stepsPerSecond), `${clock(secondsLeft)} left`);
  } else if (session.finished) parts.push('finished');
  else if (session.training) parts.push('training');
  else parts.push(session.busy ? 'working' : vae.step === 0 ? 'ready' : 'paused');
  if (recovery) parts.push(`GPU device lost and rebuilt, went on from step ${recovery.step}`);
  return parts.join(' · ');
}

/** `41 steps/s`, `3.2 steps/s`, or for slower ones `8 s per step`. */
export function formatRate(stepsPerSecond: number): string {
  if (stepsPerSecond < 0.5) return `${formatNumber(1 / stepsPerSecond, 0)} s per step`;
  return `${formatNumber(stepsPerSecond, stepsPerSecond < 10 ? 1 : 0)} steps/s`;
}

function clock(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'unknown time';
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const padded = String(rest).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${padded}` : `${minutes}:${padded}`;
}

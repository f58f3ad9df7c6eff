import picocolors from 'picocolors';

/** U+2212, so that −ELBO reads as a minus and not as a hyphen. */
const MINUS_ELBO = '\u2212ELBO';

/** Colours for one stream, or functions that change nothing. */
export function colours(stream: NodeJS.WriteStream): ReturnType<typeof picocolors.createColors> {
  return picocolors.createColors(isColoured(stream.isTTY === true, process.env));
}

/**
 * Whether to colour what a stream gets: as NO_COLOR or else FORCE_COLOR says (https://no-color.org,
 * https://force-color.org; `FORCE_COLOR=0` is Node's and chalk's "no"), else terminals that know colours.
 */
export function isColoured(isTerminal: boolean, { NO_COLOR, FORCE_COLOR, TERM }: NodeJS.ProcessEnv): boolean {
  if (NO_COLOR) return false;
  if (FORCE_COLOR) return !['0', 'false'].includes(FORCE_COLOR);
  return isTerminal && TERM !== 'dumb';
}

/** Whether a line of a stream can be drawn anew: not in a file, nor in a terminal that only knows how to append. */
export function canRedraw(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && process.env.TERM !== 'dumb';
}

/** `−ELBO 164.61` from a loss in nats per image. */
export function minusElbo(nats: number): string {
  return `${MINUS_ELBO} ${nats.toFixed(2)}`;
}

/** A length of time for people: `9 s`, `3 min 05 s`, `2 h 07 min`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '?';
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${pad(whole % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
}

/** Steps per second with about three digits: `0.52`, `7.3`, `31`. */
export function rate(perSecond: number): string {
  if (!Number.isFinite(perSecond)) return '?';
  return perSecond >= 10 ? perSecond.toFixed(0) : perSecond.toPrecision(2);
}

/** `1,068,820`. */
export function thousands(count: number): string {
  return count.toLocaleString('en-US');
}

/** `2026-01-31_09-05-07`, local time: sorts by date and is a valid folder name everywhere. */
export function dateTime(date: Date): string {
  const day = [date.getFullYear(), pad(date.getMonth() + 1), pad(date.getDate())].join('-');
  return `${day}_${[pad(date.getHours()), pad(date.getMinutes()), pad(date.getSeconds())].join('-')}`;
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}

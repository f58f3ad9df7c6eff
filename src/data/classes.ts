/** Classes as pictures show them: a place for each, with a colour and a name. */
import type { Labels } from './idx.ts';
import { MOST_COLORS, PALETTE } from './palette.ts';

/** The classes among labels, and their places. */
export interface Classes {
  /** Every class that occurs, in ascending order. */
  present: readonly number[];
  /** Places there are, at least ten: where the numbers allow, class c has place c, so that digits keep their colours. */
  slots: number;
  /** The place of a class, in [0, slots). */
  slotOf(label: number): number;
}

export function classesOf(labels: Labels): Classes {
  const present = [...new Set<number>(labels)].sort((a, b) => a - b);
  const highest = present.at(-1) ?? 0;
  if (highest < MOST_COLORS) return { present, slots: Math.max(PALETTE.length, highest + 1), slotOf: (label) => label };
  const places = new Map(present.map((label, place) => [label, place]));
  return { present, slots: Math.max(PALETTE.length, present.length), slotOf: (label) => places.get(label) ?? 0 };
}

/** What stands for a class where there is little room: a name of one or two letters, or the number. */
export function shortClassName(label: number, names: readonly string[] | undefined): string {
  const name = names?.[label];
  return name && name.length <= 2 ? name : String(label);
}

/** What stands for a class in a legend: a longer name follows the number. */
export function longClassName(label: number, names: readonly string[] | undefined): string {
  const short = shortClassName(label, names);
  const name = names?.[label];
  return name && name !== short ? `${short} ${name}` : short;
}

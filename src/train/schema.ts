/** What settings and files are checked with: zod's small form, which is a third of the whole, with its English messages. */
import * as z from 'zod/mini';
import english from 'zod/v4/locales/en.js';
import { F32_MAX, F32_MIN } from './f32.ts';

// Jitless: a page's Content-Security-Policy may forbid what zod would otherwise try to compile with.
z.config({ ...english(), jitless: true });

export const integer = (min: number, max: number = Number.MAX_SAFE_INTEGER) =>
  z.int().check(z.minimum(min), z.maximum(max));

export const text = (maxLength: number) => z.string().check(z.maxLength(maxLength));

/** A size of something: at least one of it. */
export const positiveInt = integer(1, 2 ** 31 - 1);

/** A number of steps, which may be none. */
export const stepCount = integer(0, 2 ** 31 - 1);

const F32_RANGE = `from ${F32_MIN} to ${F32_MAX}, f32's normal range`;

const inF32 = (value: number): boolean => value >= F32_MIN && value <= F32_MAX;

/** A positive number that f32 has. */
export const f32Positive = z.number().check(z.refine(inF32, { error: `expected a number ${F32_RANGE}` }));

/** A number that f32 has, 0 or more. */
export const f32NonNegative = z
  .number()
  .check(z.refine((value) => value === 0 || inF32(value), { error: `expected 0 or a number ${F32_RANGE}` }));

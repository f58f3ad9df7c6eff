import { expect, test } from 'playwright/test';
import { classNamesOf } from '../../src/data/class-names.ts';
import { classesOf, longClassName, shortClassName } from '../../src/data/classes.ts';
import { classColors, MOST_COLORS, PALETTE } from '../../src/data/palette.ts';

test('digits keep their places, whichever of them there are', () => {
  const { present, slots, slotOf } = classesOf(Uint8Array.of(7, 3, 7));
  expect({ present, slots, places: [slotOf(3), slotOf(7)] }).toEqual({ present: [3, 7], slots: 10, places: [3, 7] });
  expect(classesOf(Uint8Array.of(1, 26)).slots).toBe(27);
});

test('numbers too large for a place of their own are counted', () => {
  const few = classesOf(Uint32Array.of(70_000, 5, 900));
  expect([few.present, few.slots, few.slotOf(900), few.slotOf(70_000)]).toEqual([[5, 900, 70_000], 10, 1, 2]);
  const many = classesOf(Uint16Array.from({ length: 300 }, (_, i) => 3 * i));
  expect([many.slots, many.slotOf(0), many.slotOf(897)]).toEqual([300, 0, 299]);
});

function linear(color: string): number[] {
  return [1, 3, 5].map((at) => {
    const v = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  });
}

/** WCAG's contrast of a colour with a background of the given luminance. */
function contrast(color: string, background: number): number {
  const [r, g, b] = linear(color) as [number, number, number];
  const luminance = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return (Math.max(luminance, background) + 0.05) / (Math.min(luminance, background) + 0.05);
}

test('up to 64 classes have colours of their own, the first ten the usual ones', () => {
  const colors = classColors(MOST_COLORS);
  expect(colors.slice(0, 10)).toEqual([...PALETTE]);
  expect(classColors(26)).toEqual(colors.slice(0, 26));
  expect(classColors(3)).toEqual(PALETTE.slice(0, 3));
  // No two nearer than about 16 of 255 steps of one channel, as the eye counts them; green counts most.
  const distance = (a: string, b: string): number => {
    const [x, y] = [linear(a), linear(b)] as const;
    return Math.hypot(...x.map((v, i) => 255 * (Math.cbrt(v) - Math.cbrt(y[i]!))));
  };
  for (const [i, color] of colors.entries()) {
    for (const other of colors.slice(0, i)) expect(distance(color, other), `${color} ${other}`).toBeGreaterThan(20);
    expect(contrast(color, 1), color).toBeGreaterThan(1.2);
    expect(contrast(color, 0.008), color).toBeGreaterThan(1.4);
  }
});

test('more classes lie along a bar', () => {
  const colors = classColors(1000);
  expect(new Set(colors).size).toBeGreaterThan(500);
  expect([colors[0], colors[999]]).toEqual(['#4662d7', '#cb2a04']);
});

test('names of known sets: short ones stand for themselves, long ones follow the number', () => {
  const letters = classNamesOf('emnist-letters');
  expect([shortClassName(1, letters), longClassName(26, letters)]).toEqual(['A', 'Z']);
  const balanced = classNamesOf('EMNIST_Balanced')!;
  expect([balanced.length, balanced[36], balanced[46]]).toEqual([47, 'a', 't']);
  expect(classNamesOf('emnist-byclass')).toHaveLength(62);
  const fashion = classNamesOf('FashionMNIST');
  expect([shortClassName(9, fashion), longClassName(9, fashion)]).toEqual(['9', '9 Ankle boot']);
  for (const name of ['MNIST', 'emnist-digits', 'emnist-mnist', 'letters']) expect(classNamesOf(name)).toBeUndefined();
  expect([shortClassName(3, undefined), longClassName(99, fashion)]).toEqual(['3', '99']);
});

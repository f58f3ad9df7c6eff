import type { CDPSession, Page } from 'playwright/test';
import { expect, panel } from './page.ts';
import { openSite, test } from './site.ts';

test.use({ hasTouch: true });

/** The plane shows z from −4 to 4 at first: what is decoded under a place tells how the frame lies. */
const HASH = '#hidden=8&latent=2';

type Place = readonly [x: number, y: number];

/** The plane in the middle of the window, and its places: (0, 0) is the upper left, (1, 1) the lower right corner. */
async function openPlane(page: Page, siteUrl: string): Promise<(place: Place) => { x: number; y: number }> {
  await openSite(page, siteUrl, HASH);
  const plane = page.getByRole('application', { name: 'Latent plane' });
  await plane.evaluate((element) => element.scrollIntoView({ block: 'center', behavior: 'instant' }));
  const box = (await plane.boundingBox())!;
  return ([x, y]) => ({ x: box.x + x * box.width, y: box.y + y * box.height });
}

async function pointOf(page: Page): Promise<number[]> {
  const text = (await panel(page, 'Decoded point').textContent()) ?? '';
  const [, x, y] = /z = \((−?[\d.]+), (−?[\d.]+)\)/.exec(text)!;
  return [x, y].map((each) => Number(each!.replace('−', '-')));
}

/** Rounding to pixels moves a point a little. */
async function expectPoint(page: Page, [x, y]: Place, within = 0.05): Promise<void> {
  await expect
    .poll(async () => {
      const [gotX, gotY] = await pointOf(page);
      return Math.max(Math.abs(gotX! - x), Math.abs(gotY! - y));
    }, `the decoded point is (${x}, ${y})`)
    .toBeLessThan(within);
}

test('mouse and keys: move, drag, Shift pans, Ctrl and the wheel, + and − zoom, 0 goes home', async ({
  page,
  siteUrl,
  errors,
}) => {
  const at = await openPlane(page, siteUrl);
  const move = async (place: Place, steps = 1): Promise<void> => {
    const { x, y } = at(place);
    await page.mouse.move(x, y, { steps });
  };
  const home = (): Promise<void> => page.keyboard.press('0');
  const strip = panel(page, 'Decoded point');

  await move([0.75, 0.25]);
  await expectPoint(page, [2, 2]);
  await page.mouse.down();
  await move([0.25, 0.25], 4);
  await expectPoint(page, [-2, 2]);
  await page.mouse.up();
  // A drag explores and chooses nothing; two clicks choose both ends.
  await expect(strip).not.toContainText('From A');
  for (const place of [
    [0.25, 0.5],
    [0.75, 0.5],
  ] as const) {
    await move(place);
    await page.mouse.down();
    await page.mouse.up();
  }
  await expect(strip).toContainText(/From A \(−[12]\.\d\d, .*\) to B \([12]\.\d\d, /);

  await page.keyboard.down('Shift');
  await page.mouse.down();
  await move([0.5, 0.75], 4);
  await page.mouse.up();
  await page.keyboard.up('Shift');
  // What was at the right is in the middle now, and what was in the middle a quarter lower.
  await move([0.5, 0.5]);
  await expectPoint(page, [2, 2]);

  await home();
  await move([0.75, 0.5]);
  await page.keyboard.down('Control');
  await page.mouse.wheel(0, -100);
  // Under the pointer nothing moves; all else comes nearer to it by a fifth, or goes.
  await move([0.25, 0.5]);
  await expectPoint(page, [2 - 0.8 * 4, 0]);
  await move([0.75, 0.5]);
  await expectPoint(page, [2, 0]);
  await move([0.25, 0.5]);
  await page.mouse.wheel(0, 100);
  await page.keyboard.up('Control');
  await move([0.5, 0.5]);
  await expectPoint(page, [-1.2 + 2, 0]);

  await home();
  for (const [keys, half] of [
    [['+'], 3.2],
    [['-', '-'], 5],
    [['0'], 4],
  ] as const) {
    for (const key of keys) await page.keyboard.press(key);
    await move([0.5, 0.5]);
    await move([0.75, 0.5]);
    await expectPoint(page, [half / 2, 0]);
  }
  await page.keyboard.press('Shift+ArrowRight');
  await move([0.5, 0.5]);
  await expectPoint(page, [0.8, 0]);
  expect(errors).toEqual([]);
});

/** Fingers on a touch screen, each where it is now. */
class Fingers {
  #session: CDPSession;
  #places: { x: number; y: number; id: number }[] = [];

  constructor(session: CDPSession) {
    this.#session = session;
  }

  async down(...places: { x: number; y: number }[]): Promise<void> {
    for (const place of places) {
      this.#places.push({ ...place, id: this.#places.length });
      await this.#dispatch('touchStart');
    }
  }

  /** Moves all fingers together, in small steps. */
  async move(...to: { x: number; y: number }[]): Promise<void> {
    const from = this.#places;
    for (let step = 1; step <= 8; step++) {
      const between = (a: number, b: number) => a + ((b - a) * step) / 8;
      this.#places = from.map(({ x, y, id }, i) => ({ x: between(x, to[i]!.x), y: between(y, to[i]!.y), id }));
      await this.#dispatch('touchMove');
    }
  }

  async up(): Promise<void> {
    this.#places = [];
    await this.#dispatch('touchEnd');
  }

  async #dispatch(type: 'touchStart' | 'touchMove' | 'touchEnd'): Promise<void> {
    await this.#session.send('Input.dispatchTouchEvent', { type, touchPoints: this.#places });
  }
}

test('fingers: one explores, two pan and zoom', async ({ page, siteUrl, errors }) => {
  await page.setViewportSize({ width: 375, height: 800 });
  const at = await openPlane(page, siteUrl);
  const fingers = new Fingers(await page.context().newCDPSession(page));
  const strip = panel(page, 'Decoded point');
  /** Without lifting a finger where it was put down, which would choose an end of an interpolation. */
  const explore = async (place: Place): Promise<void> => {
    await fingers.down(at([0.5, 0.5]));
    await fingers.move(at(place));
    await fingers.up();
  };

  const scrolled = await page.evaluate(() => scrollY);
  await explore([0.25, 0.75]);
  await expectPoint(page, [-2, -2]);
  expect(await page.evaluate(() => scrollY), 'the page stays where it is').toBe(scrolled);

  // Two fingers that move apart: what was half as far from the middle is there now.
  await fingers.down(at([0.4, 0.5]), at([0.6, 0.5]));
  await fingers.move(at([0.3, 0.5]), at([0.7, 0.5]));
  await fingers.up();
  await explore([0.25, 0.75]);
  await expectPoint(page, [-1, -1], 0.1);

  // Side by side they pan, across the line between them too: a quarter of the plane is 1 now.
  await fingers.down(at([0.4, 0.4]), at([0.6, 0.4]));
  await fingers.move(at([0.4, 0.65]), at([0.6, 0.65]));
  await fingers.up();
  await explore([0.25, 0.75]);
  await expectPoint(page, [-1, 0], 0.1);
  await expect(strip, 'two fingers choose nothing').not.toContainText('From A');

  for (const place of [
    [0.25, 0.5],
    [0.75, 0.5],
  ] as const) {
    await fingers.down(at(place));
    await fingers.up();
  }
  await expect(strip, 'taps choose').toContainText(/From A \(−1\.0\d, .*\) to B \(1\.0\d, |From A \(−0\.9\d/);
  expect(errors).toEqual([]);
});

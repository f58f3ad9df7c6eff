import type { Page } from 'playwright/test';

export interface TestFile {
  name: string;
  bytes: Uint8Array;
}

/** An IDX file of unsigned bytes; element i is `fill(i)`. */
export function idx(sizes: number[], fill: (i: number) => number): Uint8Array {
  const header = Buffer.alloc(4 + 4 * sizes.length);
  header.set([0, 0, 8, sizes.length]);
  for (const [i, size] of sizes.entries()) header.writeUInt32BE(size, 4 + 4 * i);
  const length = sizes.reduce((product, size) => product * size, 1);
  return Buffer.concat([header, Buffer.from(Uint8Array.from({ length }, (_, i) => fill(i)))]);
}

/** Four IDX files: by default 40 training and 6 test images of 7 x 5 pixels in three classes, grey or with three channels. */
export function smallSet(trainCount = 40, testCount = 6, channels: 1 | 3 = 1): TestFile[] {
  const size = channels === 1 ? [5, 7] : [5, 7, channels];
  const set = (name: string, count: number): TestFile[] => [
    { name: `${name}-images-idx${1 + size.length}-ubyte`, bytes: idx([count, ...size], (i) => (i * 89) % 256) },
    { name: `${name}-labels-idx1-ubyte`, bytes: idx([count], (i) => i % 3) },
  ];
  return [...set('train', trainCount), ...set('t10k', testCount)];
}

/** Drops files on the page, as a visitor does. */
export async function drop(page: Page, files: readonly TestFile[]): Promise<void> {
  const plain = files.map(({ name, bytes }) => ({ name, text: Buffer.from(bytes).toString('base64') }));
  await page.evaluate((dropped) => {
    const dataTransfer = new DataTransfer();
    for (const { name, text } of dropped) {
      dataTransfer.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name));
    }
    for (const type of ['dragover', 'drop']) {
      const event = new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true });
      // What nobody prevents, the browser answers by leaving the page for the file.
      if (document.body.dispatchEvent(event)) throw new Error(`${type} is the browser's`);
    }
  }, plain);
}

/** The same files chosen in the page's own chooser. */
export async function choose(page: Page, files: readonly TestFile[]): Promise<void> {
  const chosen = files.map(({ name, bytes }) => ({
    name,
    mimeType: 'application/octet-stream',
    buffer: Buffer.from(bytes),
  }));
  await page.getByLabel(/Other data/).setInputFiles(chosen);
}

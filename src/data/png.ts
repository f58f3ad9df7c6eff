/** PNG pictures as the levels that a model is trained on. */
import type { DecodedPng } from 'fast-png';
import type { ImageSize } from './dataset.ts';
import { DataError } from './errors.ts';
import { whatElse } from './unpack.ts';

/** One picture, grey or in colour. */
export interface Picture extends ImageSize {
  /** (rows, columns, channels) u8: 0 black, 255 white. */
  levels: Uint8Array;
}

/** Of one picture; more is refused before it is unpacked. */
const MAX_PIXELS = 2 ** 26;
const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Where the width stands, and after it the height: big-endian u32, in the first chunk. */
const WIDTH_AT = 16;
/** Shares of red, green and blue in a grey level, in thousandths: ITU-R BT.601. */
const LUMA = [299, 587, 114] as const;

export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, i) => bytes[i] === byte);
}

/**
 * Reads a PNG of any colour type: as one channel, colours become grey levels (BT.601); as three, grey levels become colours. What is
 * transparent lets black through.
 * @param bytes the whole file
 * @param name the file's name, for messages
 * @throws DataError when it is no PNG, or one that is broken
 */
export async function readPng(bytes: Uint8Array, name: string, channels = 1): Promise<Picture> {
  if (!isPng(bytes)) {
    const other = bytes.length === 0 ? 'empty' : whatElse(bytes)?.what;
    const got = other ? `it is ${other}` : 'it is something else, whatever its name says';
    throw new DataError(`read ${name}: expected a PNG picture, ${got}: convert it, or leave it out`);
  }
  if (bytes.length >= WIDTH_AT + 8) {
    const header = new DataView(bytes.buffer, bytes.byteOffset + WIDTH_AT, 8);
    const [columns, rows] = [header.getUint32(0), header.getUint32(4)];
    if (rows * columns > MAX_PIXELS) {
      throw new DataError(
        `read ${name}: expected at most ${MAX_PIXELS} pixels, got ${columns} x ${rows}: make it smaller`,
      );
    }
  }
  const { convertIndexedToRgb, decode } = await import('fast-png');
  try {
    const png = decode(bytes, { checkCrc: true });
    return pictureOf(png.palette ? { ...png, ...rgbOf(convertIndexedToRgb(png), png) } : png, channels);
  } catch (error) {
    // The decoder quotes what it found, which may be anything.
    const reason = (error as Error).message.replace(/[^ -~]+/g, '?');
    throw new DataError(
      `read ${name}: expected a whole PNG picture, got one that is broken (${reason}): get it again`,
      {
        cause: error,
      },
    );
  }
}

/** A palette's picture, as if it had been written without one. */
function rgbOf(data: Uint8Array, { width, height }: DecodedPng): Pick<DecodedPng, 'data' | 'channels' | 'depth'> {
  return { data, channels: data.length / (width * height), depth: 8 };
}

function pictureOf({ width, height, channels, depth, data }: DecodedPng, wanted: number): Picture {
  const levels = new Uint8Array(width * height * wanted);
  const bitsPerRow = width * channels * depth;
  const most = 2 ** depth - 1;
  // Rows of less than a byte per sample begin at whole bytes.
  const perRow = depth < 8 ? Math.ceil(bitsPerRow / 8) : width * channels;
  if (data.length < perRow * height) throw new Error('its rows are missing');
  const sample = (row: number, i: number): number => {
    if (depth >= 8) return data[row * perRow + i]!;
    const bit = i * depth;
    return (data[row * perRow + (bit >> 3)]! >> (8 - depth - (bit & 7))) & most;
  };
  const isColour = channels >= 3;
  const hasAlpha = channels % 2 === 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const at = column * channels;
      const alpha = hasAlpha ? sample(row, at + channels - 1) / most : 1;
      for (let i = 0; i < wanted; i++) {
        const level = !isColour
          ? sample(row, at)
          : wanted === 1
            ? LUMA.reduce((sum, share, j) => sum + share * sample(row, at + j), 0) / 1000
            : sample(row, at + i);
        levels[(row * width + column) * wanted + i] = Math.round((255 * level * alpha) / most);
      }
    }
  }
  return { levels, rows: height, columns: width, ...(wanted > 1 && { channels: wanted }) };
}

/** JSON from a file that nobody vouches for: how much of it there may be is settled before any of it is made. */

/** What a text may hold at most. */
export interface JsonLimits {
  /** Brackets open at once. */
  depth: number;
  /** Values, all together, counted as commas and opening brackets. */
  entries: number;
  /** Keys of one object: objects cost the most. */
  keys: number;
}

/** A text that is not JSON, holds more than its limits, or has a key twice in one object. */
export class JsonError extends Error {
  override name = 'JsonError';
}

/**
 * `JSON.parse` of a text within limits. The text is scanned first, once, and no further than where it exceeds one.
 * @throws JsonError whose message goes on a sentence: `is not JSON`, `is nested deeper than ...`
 */
export function parseJson(text: string, limits: JsonLimits): unknown {
  scan(text, limits);
  try {
    return JSON.parse(text);
  } catch {
    throw new JsonError('is not JSON');
  }
}

/**
 * Repeated keys are refused because JSON.parse keeps the last of them silently, so that two readers may see two
 * different files. What is not JSON passes here; the parser will notice.
 */
function scan(text: string, { depth, entries, keys: mostKeys }: JsonLimits): void {
  const open: (Set<string> | undefined)[] = []; // one per bracket: an object's keys so far, undefined for an array
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x5b: // [
      case 0x7b: // {
        if (open.length === depth) throw new JsonError(`is nested deeper than ${depth} levels at character ${i}`);
        open.push(text[i] === '{' ? new Set() : undefined);
        count++;
        break;
      case 0x2c: // a comma: one more entry begins
        count++;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        open.pop();
        break;
      case 0x22: {
        const start = i;
        i = stringEnd(text, start);
        const keys = open.at(-1);
        if (keys === undefined || !isKeyEnd(text, i + 1)) break;
        const key = unescaped(text.slice(start, i + 1));
        if (keys.has(key)) throw new JsonError(`has the key ${quote(key)} twice`);
        if (keys.size === mostKeys) {
          throw new JsonError(`has an object of more than ${mostKeys} keys at character ${start}`);
        }
        keys.add(key);
        break;
      }
    }
    if (count > entries) throw new JsonError(`has more than ${entries} entries at character ${i}`);
  }
}

/** Where the quotation mark is that ends the string that begins at `start`; the text's length if there is none. */
function stringEnd(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end >= 0) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === 0x5c) escapes++;
    if (escapes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return text.length;
}

/** Whether the next character that is not white space is the colon that follows a key. */
function isKeyEnd(text: string, from: number): boolean {
  let i = from;
  while (text[i] === ' ' || text[i] === '\n' || text[i] === '\r' || text[i] === '\t') i++;
  return text[i] === ':';
}

/** `"\u0061"` and `"a"` are the same key. */
function unescaped(literal: string): string {
  if (!literal.includes('\\')) return literal.slice(1, -1);
  try {
    return JSON.parse(literal) as string;
  } catch {
    throw new JsonError('is not JSON');
  }
}

/** A text from a file, short and safe to print on one line. */
export function quote(text: string, longest = 80): string {
  return JSON.stringify(text.length > longest ? `${text.slice(0, longest)}...` : text);
}

/** Whether a value that came from JSON is an object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

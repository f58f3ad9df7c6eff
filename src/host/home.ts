import { homedir } from 'node:os';
import { isAbsolute } from 'node:path';

/**
 * The user's home, or undefined where there is none: `docker run -u 12345` gives a user id that the system does not know, and
 * an empty HOME would mean the current folder.
 */
export function homeFolder(): string | undefined {
  try {
    const home = homedir();
    return isAbsolute(home) ? home : undefined;
  } catch {
    return undefined;
  }
}

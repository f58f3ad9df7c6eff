/** A database's URL without its secret. */

/** The URL as it may be shown: `postgres://user@host:5432/name`; nothing of what cannot be taken apart. */
export function shownUrl(url: string): string {
  try {
    const { protocol, username, host, pathname } = new URL(url);
    return `${protocol}//${username === '' ? '' : `${username}@`}${host}${pathname}`;
  } catch {
    return 'the database';
  }
}

/** The error with every appearance of the password, of PGPASSWORD, too, taken out of its message. */
export function withoutPassword(error: unknown, url: string): Error {
  const own = error instanceof Error ? error : new Error(String(error));
  const clean = withoutPasswordText(own.message || own.name, url);
  if (clean === own.message) return own;
  // A new error: stack and causes of the old one may hold the password, too.
  const { code } = own as { code?: string };
  return Object.assign(new Error(clean), code === undefined ? {} : { code });
}

export function withoutPasswordText(text: string, url: string): string {
  return secretsOf(url).reduce((clean, secret) => clean.replaceAll(secret, '***'), text);
}

function secretsOf(url: string): string[] {
  const secrets = new Set<string>();
  const add = (secret: string | null | undefined) => {
    if (!secret) return;
    secrets.add(secret);
    try {
      secrets.add(decodeURIComponent(secret));
    } catch {
      // It is no encoded text.
    }
  };
  add(/^[^/]*\/\/[^/@]*?:(.*)@/.exec(url)?.[1]);
  try {
    const { password, searchParams } = new URL(url);
    add(password);
    for (const [name, value] of searchParams) if (/password/i.test(name)) add(value);
  } catch {
    // The expression above has found what there is.
  }
  add(process.env.PGPASSWORD);
  return [...secrets].sort((a, b) => b.length - a.length);
}

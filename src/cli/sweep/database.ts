/** The database of studies: PostgreSQL, or the one that is embedded in this process. */
import { UsageError } from '../errors.ts';
import { withoutPassword } from './password.ts';

type Rows = Record<string, unknown>[];

/** Runs statements; inside of `transaction`, in that. The name and shape are those that pg-boss takes. */
export interface Sql {
  executeSql(text: string, values?: unknown[]): Promise<{ rows: Rows }>;
}

export interface Database extends Sql {
  readonly kind: 'pglite' | 'postgres';
  /** All of it or nothing; statements in it go through its argument only. */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/**
 * Opens the database in a folder, which is made if it does not exist. Only one process may have it open at a time: the caller
 * holds a lock.
 */
export async function openEmbedded(folder: string): Promise<Database> {
  const [{ PGlite }, { fromPglite }] = await Promise.all([import('@electric-sql/pglite'), import('pg-boss')]);
  const pglite = await PGlite.create(folder);
  const { executeSql } = fromPglite(pglite);
  return {
    kind: 'pglite',
    executeSql,
    transaction: (work) =>
      pglite.transaction((tx) =>
        work({
          async executeSql(text, values) {
            const { rows } = await tx.query(text, values);
            return { rows: rows as Rows };
          },
        }),
      ) as ReturnType<typeof work>,
    close: () => pglite.close(),
  };
}

/** Connections of one process: a trial at a time, its heartbeat, and pg-boss. */
const MOST_CONNECTIONS = 4;
const CONNECT_MS = 20_000;

/** @throws UsageError, without what may be a secret, for what is no URL of a PostgreSQL */
export function checkUrl(url: string): void {
  if (!/^postgres(ql)?:\/\//.test(url)) {
    throw new UsageError('--database: expected a URL such as postgres://user@host/name, got something else');
  }
}

/**
 * Connects to a PostgreSQL. The URL is what `pg` takes, `sslmode` and the PG* variables included.
 * @throws UsageError for what is no such URL; Error, without the password, if it cannot be reached
 */
export async function openPostgres(url: string): Promise<Database> {
  checkUrl(url);
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({
    connectionString: url,
    max: MOST_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_MS,
    application_name: 'webgpu-vae',
  });
  // A connection that breaks while nobody uses it is replaced by the next one.
  pool.on('error', () => undefined);
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw withoutPassword(error, url);
    }
  };
  const run = (client: { query(text: string, values?: unknown[]): Promise<unknown> }): Sql => ({
    executeSql: (text, values) =>
      guarded(async () => {
        // Several statements in one text have several results.
        const result = (await (values ? client.query(text, values) : client.query(text))) as
          | { rows: Rows }
          | { rows: Rows }[];
        return { rows: Array.isArray(result) ? result.flatMap(({ rows }) => rows ?? []) : result.rows };
      }),
  });
  try {
    await guarded(() => pool.query('SELECT 1'));
  } catch (error) {
    await pool.end().catch(() => undefined);
    throw new Error(`--database: cannot connect: ${(error as Error).message}`, { cause: error });
  }
  return {
    kind: 'postgres',
    ...run(pool),
    async transaction(work) {
      const client = await guarded(() => pool.connect());
      let broken: Error | undefined;
      try {
        const sql = run(client);
        await sql.executeSql('BEGIN');
        const result = await work(sql);
        await sql.executeSql('COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch((reason: Error) => {
          broken = reason;
        });
        throw error;
      } finally {
        client.release(broken);
      }
    },
    close: () => pool.end(),
  };
}

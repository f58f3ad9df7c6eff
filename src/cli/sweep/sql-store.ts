/** A study in a database: its trials as rows, its queue as pg-boss jobs. */
import type { JobInsert, PgBoss } from 'pg-boss';
import { z } from 'zod';
import { isStopped, rungAt } from './asha.ts';
import type { Database, Sql } from './database.ts';
import { looksAtResults, suggest } from './search/index.ts';
import type { Observation } from './search/request.ts';
import type { Point } from './space.ts';
import { placeOf, type StudySpec, specSchema, studyId, trialConfig } from './spec.ts';
import type { Claim, Outcome, StudyRow, TrialRow, TrialState, TrialStore } from './store.ts';

const SCHEMA = 'webgpu_vae';
const BOSS_SCHEMA = 'webgpu_vae_jobs';

/** How long a worker may be silent before its trial goes to another one: compiling shaders may take a while. */
const HEARTBEAT_SECONDS = 60;
/** How often dead workers are looked for. */
const SUPERVISE_SECONDS = 5;
/** The longest that pg-boss allows: an attempt that takes longer is gone on with by another one, from its checkpoint. */
const EXPIRE_SECONDS = 24 * 60 * 60 - 1;
/** A trial over which this many workers died is what kills them. */
export const MOST_DEATHS = 5;
/** pg-boss counts every attempt; who died is counted here. */
const RETRY_LIMIT = 10_000;
/** Jobs are written in portions. */
const INSERT_AT_ONCE = 1000;

const TABLES = `
CREATE SCHEMA IF NOT EXISTS ${SCHEMA};
CREATE TABLE IF NOT EXISTS ${SCHEMA}.study (
  id text PRIMARY KEY, spec jsonb NOT NULL, cancelled boolean NOT NULL DEFAULT false, created timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS ${SCHEMA}.trial (
  study text NOT NULL REFERENCES ${SCHEMA}.study ON DELETE CASCADE, trial integer NOT NULL, state text NOT NULL DEFAULT 'waiting',
  point jsonb, config jsonb, job text, attempt integer, worker text, deaths integer NOT NULL DEFAULT 0,
  pruned boolean NOT NULL DEFAULT false, started timestamptz, ended timestamptz, outcome jsonb, PRIMARY KEY (study, trial));
CREATE TABLE IF NOT EXISTS ${SCHEMA}.report (
  study text NOT NULL, trial integer NOT NULL, epoch integer NOT NULL, value double precision NOT NULL,
  PRIMARY KEY (study, trial, epoch), FOREIGN KEY (study, trial) REFERENCES ${SCHEMA}.trial ON DELETE CASCADE);
CREATE TABLE IF NOT EXISTS ${SCHEMA}.file (
  study text NOT NULL, trial integer NOT NULL, name text NOT NULL, content bytea NOT NULL,
  PRIMARY KEY (study, trial, name), FOREIGN KEY (study, trial) REFERENCES ${SCHEMA}.trial ON DELETE CASCADE);
`;

/** Any number, the same for everybody: two processes that make the tables at once would fail. */
const TABLES_LOCK = 7_402_118;

const jobSchema = z.strictObject({ trial: z.int().min(0) });

const queueOf = (study: string): string => `trials-${study}`;

/** Everything there is in one database. */
export class StudyDatabase {
  readonly #database: Database;
  readonly #boss: PgBoss;
  readonly #known = new Set<string>();

  private constructor(database: Database, boss: PgBoss) {
    this.#database = database;
    this.#boss = boss;
  }

  /**
   * Makes the tables that are missing and starts pg-boss.
   * @param onTrouble told of what goes wrong while nobody waits
   */
  static async open(database: Database, onTrouble: (error: Error) => void): Promise<StudyDatabase> {
    const { PgBoss } = await import('pg-boss');
    const isEmbedded = database.kind === 'pglite';
    const boss = new PgBoss({
      db: database,
      backend: database.kind,
      schema: BOSS_SCHEMA,
      schedule: false,
      // The embedded database has one process, which sees its workers die.
      supervise: !isEmbedded,
      superviseIntervalSeconds: SUPERVISE_SECONDS,
      monitorIntervalSeconds: SUPERVISE_SECONDS,
      monitorVacuum: false,
    });
    boss.on('error', onTrouble);
    if (isEmbedded) {
      await database.executeSql(TABLES);
      await boss.start();
    } else {
      await database.transaction(async (sql) => {
        await sql.executeSql('SELECT pg_advisory_xact_lock($1)', [TABLES_LOCK]);
        await sql.executeSql(TABLES);
        await boss.start();
      });
    }
    return new StudyDatabase(database, boss);
  }

  async close(): Promise<void> {
    await this.#boss.stop({ graceful: false }).catch(() => undefined);
    await this.#database.close();
  }

  /**
   * Creates the study and its queue, if it is not there yet.
   * @param heartbeatSeconds how long a worker may be silent, at least 10
   */
  async create(spec: StudySpec, heartbeatSeconds = HEARTBEAT_SECONDS): Promise<SqlStore> {
    const id = studyId(spec);
    await this.#openQueue(id, heartbeatSeconds);
    await this.#database.transaction(async (sql) => {
      const { rows } = await sql.executeSql(
        `INSERT INTO ${SCHEMA}.study (id, spec) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id`,
        [id, JSON.stringify(spec)],
      );
      if (rows.length === 0) return;
      await sql.executeSql(
        `INSERT INTO ${SCHEMA}.trial (study, trial) SELECT $1::text, generate_series(0, $2::int - 1)`,
        [id, spec.trials],
      );
      await this.#insertJobs(sql, id, [...Array(spec.trials).keys()]);
    });
    return new SqlStore(this.#database, this.#boss, id, spec);
  }

  /** All studies, the oldest first. What cannot be read as one is left out. */
  async studies(): Promise<StudyRow[]> {
    const { rows } = await this.#database.executeSql(
      `SELECT id, spec, cancelled FROM ${SCHEMA}.study ORDER BY created, id`,
    );
    return rows.flatMap(({ id, spec, cancelled }) => {
      const parsed = specSchema.safeParse(spec);
      return parsed.success ? [{ id: String(id), spec: parsed.data, isCancelled: cancelled === true }] : [];
    });
  }

  async study({ id, spec }: Pick<StudyRow, 'id' | 'spec'>): Promise<SqlStore> {
    await this.#openQueue(id);
    return new SqlStore(this.#database, this.#boss, id, spec);
  }

  /**
   * Puts every trial that has not ended back into the queue: for an owner that knows that no worker is left.
   */
  async requeueAll(id: string): Promise<void> {
    const queue = queueOf(id);
    await this.#boss.deleteAllJobs(queue);
    await this.#database.transaction(async (sql) => {
      const { rows } = await sql.executeSql(
        `UPDATE ${SCHEMA}.trial SET state = 'waiting', job = NULL WHERE study = $1 AND state IN ('waiting', 'running') RETURNING trial`,
        [id],
      );
      await this.#insertJobs(
        sql,
        id,
        rows.map(({ trial }) => Number(trial)),
      );
    });
  }

  async #openQueue(id: string, heartbeatSeconds = HEARTBEAT_SECONDS): Promise<void> {
    if (this.#known.has(id)) return;
    // In the embedded database a worker that is silent is not dead: a laptop may have slept.
    const heartbeat = this.#database.kind === 'pglite' ? {} : { heartbeatSeconds };
    await this.#boss.createQueue(queueOf(id), {
      retryLimit: RETRY_LIMIT,
      retryDelay: 0,
      expireInSeconds: EXPIRE_SECONDS,
      ...heartbeat,
    });
    this.#known.add(id);
  }

  async #insertJobs(sql: Sql, id: string, trials: number[]): Promise<void> {
    for (let i = 0; i < trials.length; i += INSERT_AT_ONCE) {
      const jobs: JobInsert[] = trials.slice(i, i + INSERT_AT_ONCE).map(jobOf);
      await this.#boss.insert(queueOf(id), jobs, { db: sql });
    }
  }
}

/** The first trials come first. */
function jobOf(trial: number): { data: { trial: number }; priority: number } {
  return { data: { trial }, priority: -trial };
}

/** One study. */
export class SqlStore implements TrialStore {
  readonly id: string;
  readonly spec: StudySpec;
  readonly #database: Database;
  readonly #boss: PgBoss;

  constructor(database: Database, boss: PgBoss, id: string, spec: StudySpec) {
    this.#database = database;
    this.#boss = boss;
    this.id = id;
    this.spec = spec;
  }

  async take(worker: string): Promise<Claim | 'wait' | 'done'> {
    for (;;) {
      if (await this.isCancelled()) return 'done';
      const [job] = await this.#boss.fetch<unknown>(queueOf(this.id));
      if (!job) return (await this.#openCount()) > 0 ? 'wait' : 'done';
      const attempt = { id: job.id, retryCount: job.retryCount };
      const data = jobSchema.safeParse(job.data);
      const claim = data.success ? await this.#claim(data.data.trial, attempt, worker) : undefined;
      if (claim) return claim;
      // No trial of this study, one that has ended, or one that kills workers: nothing to try again.
      const refused = 'refused: expected {"trial": n} with a trial of this study that has not ended';
      await this.#boss.complete(queueOf(this.id), attempt, { refused });
    }
  }

  async #claim(trial: number, job: Claim['job'], worker: string): Promise<Claim | undefined> {
    return this.#database.transaction(async (sql) => {
      await this.#lock(sql);
      const { rows } = await sql.executeSql(
        `SELECT state, point, config, deaths, pruned FROM ${SCHEMA}.trial WHERE study = $1 AND trial = $2`,
        [this.id, trial],
      );
      const [row] = rows;
      if (!row || (row.state !== 'waiting' && row.state !== 'running')) return undefined;
      // A trial that is running and in the queue again has lost its worker.
      const deaths = Number(row.deaths) + (row.state === 'running' ? 1 : 0);
      if (deaths >= MOST_DEATHS) {
        await this.#end(sql, trial, {
          ...NOTHING,
          state: 'failed',
          error: `its worker died ${deaths} times, the last one without a word`,
        });
        return undefined;
      }
      const point = (row.point as Point | null) ?? (await this.#suggest(sql, trial));
      let config = row.config;
      if (config === null) {
        try {
          config = trialConfig(this.spec, point, trial);
        } catch (error) {
          await this.#end(sql, trial, { ...NOTHING, state: 'failed', error: (error as Error).message });
          return undefined;
        }
      }
      await sql.executeSql(
        `UPDATE ${SCHEMA}.trial SET state = 'running', point = $3, config = $4, job = $5, attempt = $6, worker = $7, deaths = $8,
           started = coalesce(started, now()) WHERE study = $1 AND trial = $2`,
        [this.id, trial, JSON.stringify(point), JSON.stringify(config), job.id, job.retryCount, worker, deaths],
      );
      return { studyId: this.id, spec: this.spec, trial, config, job, deaths, isPruned: row.pruned === true };
    });
  }

  /** The point of a trial: that of its other seeds, or a new one. */
  async #suggest(sql: Sql, trial: number): Promise<Point> {
    const { seeds, search, space, searchSeed } = this.spec;
    const { point: index } = placeOf(this.spec, trial);
    const siblings = await sql.executeSql(
      `SELECT point FROM ${SCHEMA}.trial WHERE study = $1 AND trial >= $2 AND trial < $3 AND point IS NOT NULL LIMIT 1`,
      [this.id, index * seeds, (index + 1) * seeds],
    );
    if (siblings.rows[0]) return siblings.rows[0].point as Point;
    const history = looksAtResults(search) ? await this.#history(sql) : [];
    return suggest(search, { space, index, seed: searchSeed, history });
  }

  /** Points with a result, each with the mean over its seeds; one that was stopped early is worse than any that was not. */
  async #history(sql: Sql): Promise<Observation[]> {
    const { rows } = await sql.executeSql(
      `SELECT min(trial) AS first, (array_agg(point))[1] AS point, bool_or(state = 'pruned') AS pruned,
         avg((outcome->>'value')::float8) AS value
       FROM ${SCHEMA}.trial WHERE study = $1 AND state IN ('finished', 'pruned') AND outcome->>'value' IS NOT NULL
       GROUP BY trial / $2::int ORDER BY first`,
      [this.id, this.spec.seeds],
    );
    return rows.map(({ point, pruned, value }) => ({
      point: point as Point,
      value: pruned ? Number.POSITIVE_INFINITY : Number(value),
    }));
  }

  async beat({ job, trial }: Claim): Promise<'go on' | 'lost' | 'cancelled'> {
    await this.#boss.touch(queueOf(this.id), job);
    if (await this.isCancelled()) return 'cancelled';
    const { rows } = await this.#database.executeSql(
      `SELECT 1 FROM ${SCHEMA}.trial WHERE ${CLAIMED}`,
      claimed(this.id, trial, job),
    );
    return rows.length === 1 ? 'go on' : 'lost';
  }

  async report({ trial, job }: Claim, epoch: number, value: number): Promise<boolean> {
    const { stop } = this.spec;
    const rung = stop ? rungAt(stop, epoch) : undefined;
    return this.#database.transaction(async (sql) => {
      // Whoever comes to a rung is compared with all that came before.
      if (rung !== undefined) await this.#lock(sql);
      const { rows } = await sql.executeSql(
        `INSERT INTO ${SCHEMA}.report (study, trial, epoch, value) SELECT study, trial, $5::int, $6::float8 FROM ${SCHEMA}.trial WHERE ${CLAIMED}
         ON CONFLICT (study, trial, epoch) DO UPDATE SET value = excluded.value RETURNING 1`,
        [...claimed(this.id, trial, job), epoch, value],
      );
      if (rows.length === 0 || !stop || rung === undefined) return false;
      const others = await sql.executeSql(
        `SELECT value FROM ${SCHEMA}.report WHERE study = $1 AND epoch = $2 AND trial <> $3`,
        [this.id, epoch, trial],
      );
      const isPruned = isStopped(
        stop,
        value,
        others.rows.map((row) => Number(row.value)),
      );
      if (isPruned) {
        await sql.executeSql(`UPDATE ${SCHEMA}.trial SET pruned = true WHERE study = $1 AND trial = $2`, [
          this.id,
          trial,
        ]);
      }
      return isPruned;
    });
  }

  async finish({ trial, job }: Claim, outcome: Outcome): Promise<boolean> {
    return this.#database.transaction(async (sql) => {
      const { rows } = await sql.executeSql(
        `SELECT 1 FROM ${SCHEMA}.trial WHERE ${CLAIMED} FOR UPDATE`,
        claimed(this.id, trial, job),
      );
      if (rows.length === 0) return false;
      await this.#boss.complete(queueOf(this.id), job, null, { db: sql });
      await this.#end(sql, trial, outcome);
      return true;
    });
  }

  async #end(sql: Sql, trial: number, outcome: Outcome): Promise<void> {
    await sql.executeSql(
      `UPDATE ${SCHEMA}.trial SET state = $3, outcome = $4, ended = now(), job = NULL WHERE study = $1 AND trial = $2`,
      [this.id, trial, outcome.state, JSON.stringify(outcome)],
    );
    // Only the results are of use now.
    await sql.executeSql(`DELETE FROM ${SCHEMA}.file WHERE study = $1 AND trial = $2 AND name LIKE 'checkpoint%'`, [
      this.id,
      trial,
    ]);
  }

  /** A trial whose worker died and was seen to: its next worker counts the death. */
  async died({ trial, job }: Claim): Promise<void> {
    await this.#again(trial, job, 'running');
  }

  async release({ trial, job }: Claim): Promise<void> {
    await this.#again(trial, job, 'waiting');
  }

  async #again(trial: number, job: Claim['job'], state: TrialState): Promise<void> {
    await this.#database.transaction(async (sql) => {
      const { rows } = await sql.executeSql(
        `UPDATE ${SCHEMA}.trial SET state = '${state}', job = NULL, worker = NULL WHERE ${CLAIMED} RETURNING 1`,
        claimed(this.id, trial, job),
      );
      if (rows.length === 0) return;
      await this.#boss.complete(queueOf(this.id), job, null, { db: sql });
      await this.#boss.insert(queueOf(this.id), [jobOf(trial)], { db: sql });
    });
  }

  /** Keeps a file of a trial. @returns false if the claim was lost */
  async putFile({ trial, job }: Claim, name: string, content: Uint8Array): Promise<boolean> {
    const { rows } = await this.#database.executeSql(
      `INSERT INTO ${SCHEMA}.file (study, trial, name, content) SELECT study, trial, $5::text, $6::bytea FROM ${SCHEMA}.trial WHERE ${CLAIMED}
       ON CONFLICT (study, trial, name) DO UPDATE SET content = excluded.content RETURNING 1`,
      [...claimed(this.id, trial, job), name, content],
    );
    return rows.length === 1;
  }

  async fileNames(trial: number): Promise<string[]> {
    const { rows } = await this.#database.executeSql(
      `SELECT name FROM ${SCHEMA}.file WHERE study = $1 AND trial = $2 ORDER BY name`,
      [this.id, trial],
    );
    return rows.map(({ name }) => String(name));
  }

  async file(trial: number, name: string): Promise<Uint8Array | undefined> {
    const { rows } = await this.#database.executeSql(
      `SELECT content FROM ${SCHEMA}.file WHERE study = $1 AND trial = $2 AND name = $3`,
      [this.id, trial, name],
    );
    return rows[0]?.content as Uint8Array | undefined;
  }

  async isCancelled(): Promise<boolean> {
    const { rows } = await this.#database.executeSql(`SELECT cancelled FROM ${SCHEMA}.study WHERE id = $1`, [this.id]);
    return rows[0]?.cancelled !== false;
  }

  async cancel(): Promise<void> {
    await this.#database.executeSql(`UPDATE ${SCHEMA}.study SET cancelled = true WHERE id = $1`, [this.id]);
  }

  async #openCount(): Promise<number> {
    const { rows } = await this.#database.executeSql(
      `SELECT count(*) AS n FROM ${SCHEMA}.trial WHERE study = $1 AND state IN ('waiting', 'running')`,
      [this.id],
    );
    return Number(rows[0]?.n);
  }

  /** Every trial, in order. */
  async trials(): Promise<TrialRow[]> {
    const { rows } = await this.#database.executeSql(
      `SELECT trial, state, config, point, worker, deaths, outcome, extract(epoch FROM started) * 1000 AS started,
         extract(epoch FROM ended) * 1000 AS ended,
         (SELECT json_agg(json_build_array(r.epoch, r.value) ORDER BY r.epoch) FROM ${SCHEMA}.report r
           WHERE r.study = t.study AND r.trial = t.trial) AS reports
       FROM ${SCHEMA}.trial t WHERE study = $1 ORDER BY trial`,
      [this.id],
    );
    return rows.map((row) => ({
      trial: Number(row.trial),
      state: row.state as TrialState,
      config: row.config as TrialRow['config'],
      point: row.point as unknown[] | null,
      worker: row.worker as string | null,
      deaths: Number(row.deaths),
      startedMs: row.started === null ? null : Number(row.started),
      endedMs: row.ended === null ? null : Number(row.ended),
      outcome: row.outcome as Outcome | null,
      reports: (row.reports ?? []) as TrialRow['reports'],
    }));
  }

  /** One at a time chooses points and compares at rungs. */
  async #lock(sql: Sql): Promise<void> {
    await sql.executeSql(`SELECT 1 FROM ${SCHEMA}.study WHERE id = $1 FOR UPDATE`, [this.id]);
  }
}

const CLAIMED = `study = $1 AND trial = $2 AND state = 'running' AND job = $3 AND attempt = $4`;

function claimed(id: string, trial: number, job: Claim['job']): unknown[] {
  return [id, trial, job.id, job.retryCount];
}

const NOTHING: Outcome = {
  state: 'failed',
  value: null,
  losses: {},
  epochs: 0,
  step: 0,
  seconds: 0,
  adapter: '',
  error: null,
};

/** The store of a sweep, as its workers reach it: questions and answers between two processes. */
import type { ChildProcess } from 'node:child_process';
import type { Claim, TrialStore } from './store.ts';

const METHODS = ['take', 'beat', 'report', 'finish', 'release'] as const;
type Method = (typeof METHODS)[number];

type FromWorker = { ask: number; method: Method; args: unknown[] } | { log: string };
type ToWorker = { answer: number; value?: unknown; error?: string } | { stop: true };

/**
 * Answers what a worker asks.
 * @returns the trial that the worker has, if it dies
 */
export function serveWorker(
  child: ChildProcess,
  store: TrialStore,
  log: (line: string) => void,
): () => Promise<Claim | undefined> {
  let current: Claim | undefined;
  let asked: Promise<unknown> = Promise.resolve();
  child.on('message', (message: FromWorker) => {
    if ('log' in message) return log(message.log);
    const { ask, method, args } = message;
    const done = (async () => {
      if (!METHODS.includes(method)) throw new Error(`no method ${method}`);
      const value = await (store[method] as (...args: unknown[]) => Promise<unknown>).apply(store, args);
      if (method === 'take') current = typeof value === 'object' ? (value as Claim) : undefined;
      if (method === 'finish' || method === 'release') current = undefined;
      return value;
    })().then(
      (value) => reply({ answer: ask, value }),
      (error: Error) => reply({ answer: ask, error: error.message }),
    );
    asked = Promise.all([asked, done]);
  });
  const reply = (message: ToWorker) => {
    if (child.connected) child.send(message, () => undefined);
  };
  return async () => {
    await asked;
    return current;
  };
}

/** Asks a worker to stop after the steps in flight. */
export function askToStop(child: ChildProcess): void {
  if (child.connected) child.send({ stop: true } satisfies ToWorker, () => undefined);
}

/** The worker's end: calls `onStop` when it is to stop. Without its sweep it has nothing to do: then the process ends at once. */
export function connectToSweep(onStop: () => void): { store: TrialStore; log(line: string): void; close(): void } {
  if (!process.send) throw new Error('worker --ipc: expected to be started by a sweep: use --database');
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let count = 0;
  const send = (message: FromWorker) => void process.send!(message, undefined, undefined, () => undefined);
  const onMessage = (message: unknown) => {
    const given = message as ToWorker;
    if ('stop' in given) return onStop();
    const call = waiting.get(given.answer);
    waiting.delete(given.answer);
    if (given.error === undefined) call?.resolve(given.value);
    else call?.reject(new Error(given.error));
  };
  const onDisconnect = () => process.exit(1);
  process.on('message', onMessage);
  process.on('disconnect', onDisconnect);
  const ask =
    (method: Method) =>
    (...args: unknown[]): Promise<never> =>
      new Promise((resolve, reject) => {
        const id = count++;
        waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
        send({ ask: id, method, args });
      });
  return {
    store: {
      take: ask('take'),
      beat: ask('beat'),
      report: ask('report'),
      finish: ask('finish'),
      release: ask('release'),
    },
    log: (line) => send({ log: line }),
    close() {
      process.off('message', onMessage);
      process.off('disconnect', onDisconnect);
      process.disconnect();
    },
  };
}

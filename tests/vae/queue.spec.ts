import { expect, test } from 'playwright/test';
import { DisposedError, JobQueue } from '../../src/train/queue.ts';

/** A promise and what settles it. */
function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

test('one at a time, in the order asked for, also after one that failed', async () => {
  const queue = new JobQueue();
  const log: string[] = [];
  let running = 0;
  const job = (name: string, fails = false) =>
    queue.run(async () => {
      expect(++running).toBe(1);
      log.push(`${name} begins`);
      await new Promise((resolve) => setTimeout(resolve, 1));
      log.push(`${name} ends`);
      running--;
      if (fails) throw new Error(name);
      return name;
    });
  const jobs = [job('a'), job('b', true), job('c')];
  expect(log, 'the first one begins at once').toEqual(['a begins']);
  expect(queue.waiting).toBe(2);
  expect(await Promise.allSettled(jobs)).toMatchObject([{ value: 'a' }, { reason: new Error('b') }, { value: 'c' }]);
  expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  expect(queue.waiting).toBe(0);
});

test('who hears that a job is done finds an idle queue', async () => {
  const queue = new JobQueue();
  await queue.run(async () => 1);
  let idle = false;
  queue.close(new DisposedError('closed'), () => {
    idle = true;
  });
  expect(idle).toBe(true);
});

test('closed: what runs, what waits, what is guarded and what comes is rejected at once; idle when the running one has ended', async () => {
  const queue = new JobQueue();
  const end = deferred<number>();
  let waited = false;
  const running = queue.run(() => end.promise);
  const waiting = queue.run(async () => {
    waited = true;
  });
  const guarded = queue.guard(new Promise(() => {}));
  const reason = new DisposedError('closed');
  let idle = false;
  queue.close(reason, () => {
    idle = true;
  });
  expect(queue.signal.aborted).toBe(true);
  for (const promise of [running, waiting, guarded, queue.run(async () => 1)])
    await expect(promise).rejects.toBe(reason);
  expect(idle).toBe(false);
  end.resolve(1);
  await expect.poll(() => idle).toBe(true);
  expect(waited).toBe(false);
  queue.close(new DisposedError('again'), () => {
    throw new Error('closed twice');
  });
  expect(queue.signal.reason).toBe(reason);
});

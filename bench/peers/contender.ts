import type { DataSet } from '../../src/data/dataset.ts';
import type { WebGpuCalls } from '../calls.ts';
import { countCalls } from '../calls.ts';
import { READ_EVERY } from './task.ts';

/** A library that trains the task's model. */
export interface Contender {
  /** Does the next steps, at most `READ_EVERY` of them, waits for them, and returns the last one's loss in nats per image. */
  train(steps: number): Promise<number>;
}

/** What a contender is given. */
export interface Circumstances {
  data: DataSet;
  /** To be awaited after submitting a step whose loss is to be read next. */
  beforeRead: () => Promise<void>;
}

export type OpenContender = (circumstances: Circumstances) => Promise<Contender>;

/** What a contender reports of a round. */
export interface RoundResult {
  steps: number;
  ms: number;
  /** After every `READ_EVERY` steps. */
  losses: number[];
  /** Of the whole round; a native library makes none. */
  calls?: WebGpuCalls;
}

/** A contender with its clock: what a child process or a page runs. */
export class Runner {
  readonly #contender: Contender;
  readonly #reads: ReadTimer;
  /** Time from opening the adapter to the first step's loss, in ms: what compiling costs. */
  readonly firstStepMs: number;

  private constructor(contender: Contender, reads: ReadTimer, firstStepMs: number) {
    this.#contender = contender;
    this.#reads = reads;
    this.firstStepMs = firstStepMs;
  }

  /**
   * Opens a contender and does its first step.
   * @param idle waits with nothing pending on the GPU, see `DeviceHost.idle`
   */
  static async start(open: OpenContender, data: DataSet, idle: (ms: number) => Promise<void>): Promise<Runner> {
    const start = performance.now();
    const reads = new ReadTimer(idle);
    const contender = await open({ data, beforeRead: () => reads.wait() });
    await contender.train(1);
    return new Runner(contender, reads, performance.now() - start);
  }

  /** Does `steps` steps, a multiple of `READ_EVERY`. */
  async round(steps: number): Promise<RoundResult> {
    const calls = countCalls();
    const losses: number[] = [];
    const start = performance.now();
    try {
      for (let done = 0; done < steps; done += READ_EVERY) {
        this.#reads.begin();
        losses.push(await this.#contender.train(READ_EVERY));
        this.#reads.end();
      }
    } finally {
      calls.stop();
    }
    return { steps, ms: performance.now() - start, losses, calls: calls.stop() };
  }
}

/**
 * Sleeps through most of the time that a read would wait. In Node a read that waits burns a core which a software
 * adapter needs, so that without this the peers would look slower than they are.
 */
class ReadTimer {
  readonly #idle: (ms: number) => Promise<void>;
  #begun = 0;
  /** Of one block of `READ_EVERY` steps, in ms. The shortest so far: sleeping too long would cost the peer time. */
  #shortest = 0;

  constructor(idle: (ms: number) => Promise<void>) {
    this.#idle = idle;
  }

  begin(): void {
    this.#begun = performance.now();
  }

  end(): void {
    const elapsed = performance.now() - this.#begun;
    this.#shortest = this.#shortest === 0 ? elapsed : Math.min(this.#shortest, elapsed);
  }

  async wait(): Promise<void> {
    const left = this.#begun + 0.9 * this.#shortest - performance.now();
    if (left > 0) await this.#idle(left);
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { RoundResult } from './contender.ts';

/** What a contender's process says when its first step is done. */
export interface Ready {
  firstStepMs: number;
  /** Version and the like. */
  note?: string;
}

/** A contender that is ready, wherever it is. */
export interface PlayingContender {
  name: string;
  /** Does a round of so many steps and waits for it. */
  round(steps: number): Promise<RoundResult>;
  stop(): Promise<void>;
}

/** A contender in a process of its own, which sleeps between rounds. */
export class ContenderProcess implements PlayingContender {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #stderr = '';

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
  }

  /** @throws Error with the process's own words if it ends before its first step is done */
  static async start(
    name: string,
    command: readonly [string, ...string[]],
    cwd: string,
  ): Promise<{ contender: ContenderProcess; ready: Ready }> {
    const [program, ...args] = command;
    const child = spawn(program, args, { cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    const contender = new ContenderProcess(name, child);
    return { contender, ready: await contender.#answer<Ready>() };
  }

  round(steps: number): Promise<RoundResult> {
    this.#child.stdin!.write(`${steps}\n`);
    return this.#answer<RoundResult>();
  }

  /** Ends the process and waits for its end. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }

  /** The next line of JSON; libraries print greetings between. */
  async #answer<T>(): Promise<T> {
    for (;;) {
      const { done, value } = await this.#lines.next();
      if (done) throw new Error(`${this.name}: the process ended, expected an answer: ${this.#stderr.trim()}`);
      if (value.startsWith('{')) return JSON.parse(value) as T;
    }
  }
}

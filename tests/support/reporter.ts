import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import type { FullConfig, FullResult, Reporter, Suite, TestCase } from 'playwright/types/testReporter';
import { NOT_HERE } from './adapter.ts';

/**
 * Ends a run with what a person wants to know: per project how many passed and on what, then what failed and why.
 * A run with a skipped test fails: a skipped test must not stand for a missing adapter or browser. Only what the adapter itself
 * cannot run, another card's kernels, is left out, and counted.
 */
export default class SummaryReporter implements Reporter {
  #root: Suite | undefined;
  #rootDir = '';
  #errors: string[] = [];

  onBegin(config: FullConfig, suite: Suite): void {
    this.#root = suite;
    this.#rootDir = config.rootDir;
  }

  onError(error: { message?: string }): void {
    this.#errors.push(firstLine(error.message));
  }

  async onEnd(result: FullResult): Promise<{ status: FullResult['status'] }> {
    const tests = this.#root?.allTests() ?? [];
    const failed = tests.filter((test) => test.outcome() === 'unexpected' || test.outcome() === 'flaky');
    const unfit = tests.filter((test) => whatIsMissing(test) !== undefined);
    const skipped = tests.filter((test) => test.outcome() === 'skipped' && !unfit.includes(test));
    const lines = [''];
    for (const project of this.#root?.suites ?? []) lines.push(describeProject(project));
    for (const [message, tests] of byMessage(failed)) lines.push(`FAILED   ${this.#names(tests)}: ${message}`);
    if (unfit.length > 0) {
      const missing = [...new Set(unfit.map(whatIsMissing))].join(', ');
      lines.push(`NOT HERE ${unfit.length} tests need what this adapter cannot run: ${missing}`);
    }
    if (skipped.length > 0) lines.push(`NOT RUN  ${this.#names(skipped)}`);
    for (const error of this.#errors) lines.push(`ERROR    ${error}`);
    lines.push(verdict(result, tests.length - unfit.length, failed.length, skipped.length));
    process.stdout.write(`${lines.join('\n')}\n`);
    return { status: result.status === 'passed' && skipped.length > 0 ? 'failed' : result.status };
  }

  /** The first test; a cause that fails many is named once. */
  #names([first, ...others]: TestCase[]): string {
    if (!first) return '';
    const [, project, , ...titles] = first.titlePath();
    const name = [project, relative(this.#rootDir, first.location.file), ...titles].join(' > ');
    return others.length === 0 ? name : `${name} (and ${others.length} more)`;
  }
}

/** What the adapter lacks for the test; undefined if the test was done, or not done for another reason. */
function whatIsMissing(test: TestCase): string | undefined {
  const { status, annotations } = test.results.at(-1) ?? {};
  const why = annotations?.find(({ type, description }) => type === 'skip' && description?.startsWith(NOT_HERE));
  return status === 'skipped' ? why?.description?.slice(NOT_HERE.length) : undefined;
}

function describeProject(project: Suite): string {
  const tests = project.allTests();
  const passed = tests.filter((test) => test.outcome() === 'expected').length;
  const annotations = tests.flatMap((test) => test.results.flatMap((result) => result.annotations));
  const adapters = new Set(annotations.filter(({ type }) => type === 'adapter').map(({ description }) => description));
  const where = adapters.size > 0 ? `, computed on ${[...adapters].join(' and ')}` : '';
  return `${project.title}: ${passed} of ${tests.length} tests passed${where}`;
}

function verdict(result: FullResult, count: number, failed: number, skipped: number): string {
  const seconds = `${(result.duration / 1000).toFixed(0)} s`;
  if (result.status === 'passed' && count > 0 && skipped === 0) return `All ${count} tests passed in ${seconds}.`;
  if (result.status === 'timedout')
    return `STOPPED after ${seconds}: ${failed} failed, ${skipped} not run of ${count} tests.`;
  return `NOT PASSED: ${failed} failed, ${skipped} not run of ${count} tests, in ${seconds}.`;
}

function byMessage(failed: TestCase[]): Map<string, TestCase[]> {
  const groups = new Map<string, TestCase[]>();
  for (const test of failed) {
    const message = firstLine(test.results.flatMap((result) => result.errors)[0]?.message);
    groups.set(message, [...(groups.get(message) ?? []), test]);
  }
  return groups;
}

/** The first line that says something, without the colours. */
function firstLine(message = 'no message'): string {
  return stripVTControlCharacters(message).trim().split('\n')[0] ?? '';
}

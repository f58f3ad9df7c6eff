import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'playwright/test';

const TALLY = fileURLToPath(new URL('tally.mjs', import.meta.url));

interface Case {
  title: string;
  report: string;
  lastLine: string;
  status: number;
}

const stats = { expected: 0, unexpected: 0, flaky: 0, skipped: 0 };

const CASES: Case[] = [
  {
    title: 'everything passed',
    report: JSON.stringify({ stats: { ...stats, expected: 12 }, errors: [] }),
    lastLine: '12 passed, 0 failed',
    status: 0,
  },
  {
    title: 'some failed',
    report: JSON.stringify({ stats: { ...stats, expected: 10, unexpected: 2, flaky: 1 }, errors: [] }),
    lastLine: '10 passed, 3 failed',
    status: 1,
  },
  {
    title: 'a test was skipped',
    report: JSON.stringify({ stats: { ...stats, expected: 11, skipped: 1 }, errors: [] }),
    lastLine: '11 passed, 0 failed',
    status: 1,
  },
  {
    title: 'a spec did not load',
    report: JSON.stringify({ stats: { ...stats, expected: 11 }, errors: [{ message: 'SyntaxError' }] }),
    lastLine: '11 passed, 0 failed',
    status: 1,
  },
  {
    title: 'no test ran',
    report: JSON.stringify({ stats, errors: [] }),
    lastLine: '0 passed, 0 failed',
    status: 1,
  },
  { title: 'the report is cut off', report: '{"stats": {', lastLine: '0 passed, 0 failed', status: 1 },
];

for (const { title, report, lastLine, status } of CASES) {
  test(`the tally when ${title}`, async () => {
    const file = test.info().outputPath('report.json');
    await writeFile(file, report);
    expect(tally(file)).toEqual({ lastLine, status });
  });
}

test('the tally of two reports is their sum, and fails if one of them does', async () => {
  const reports = [12, 30].map((expected) => JSON.stringify({ stats: { ...stats, expected }, errors: [] }));
  reports.push(JSON.stringify({ stats: { ...stats, expected: 4, unexpected: 1 }, errors: [] }));
  reports.push(JSON.stringify({ stats, errors: [] }));
  const [first, second, failing, empty] = reports.map((_, i) => test.info().outputPath(`${i}.json`));
  for (const [i, report] of reports.entries()) await writeFile(test.info().outputPath(`${i}.json`), report);
  expect(tally(first!, second!)).toEqual({ lastLine: '42 passed, 0 failed', status: 0 });
  expect(tally(first!, failing!)).toEqual({ lastLine: '16 passed, 1 failed', status: 1 });
  expect(tally(first!, empty!)).toEqual({ lastLine: '12 passed, 0 failed', status: 1 });
  expect(tally(first!, test.info().outputPath('missing.json'))).toEqual({ lastLine: '12 passed, 0 failed', status: 1 });
});

test('the tally without a report', async () => {
  expect(tally(test.info().outputPath('missing.json'))).toEqual({ lastLine: '0 passed, 0 failed', status: 1 });
});

function tally(...files: string[]): { lastLine: string | undefined; status: number | null } {
  const { stdout, status } = spawnSync(process.execPath, [TALLY, ...files], { encoding: 'utf8' });
  return { lastLine: stdout.trimEnd().split('\n').at(-1), status };
}

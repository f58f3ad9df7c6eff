import { readFile } from 'node:fs/promises';
import { readCheckpoint, writeCheckpoint } from '../../src/vae/checkpoint.ts';
import { drop } from '../app/files.ts';
import { expect, stored, watchDevices } from '../app/page.ts';
import { openSite, stepOf, test } from '../app/site.ts';
import { recordFault } from './faults.ts';

test('the policy: only own files, nothing inline, no other host; and the browser holds it', async ({
  page,
  siteUrl,
}) => {
  const html = await (await page.request.get(siteUrl)).text();
  const [, policy = ''] = /<meta http-equiv="Content-Security-Policy" content="([^"]+)">/.exec(html) ?? [];
  // Nothing may come before it that it does not cover.
  expect(html.slice(0, html.indexOf('<meta http-equiv'))).toMatch(/^<!doctype html>\s*<html lang="en">\s*<head>\s*$/);
  const directives = policy
    .replaceAll('&#39;', "'")
    .split('; ')
    .map((directive) => directive.split(' '));
  expect(directives).toContainEqual(['default-src', "'none'"]);
  const others = directives.filter(([name]) => name !== 'default-src').flatMap(([, ...sources]) => sources);
  for (const source of others) expect(["'self'", "'none'", 'data:', 'blob:']).toContain(source);
  for (const name of ['script-src', 'connect-src', 'style-src']) expect(directives).toContainEqual([name, "'self'"]);
  const scripts = html.match(/<script\b[^>]*>[^<]*/g) ?? [];
  expect(scripts.length).toBeGreaterThan(0);
  for (const script of scripts) expect(script).toMatch(/^<script\b[^>]* src="\.\/[^"]+"[^>]*>\s*$/);
  expect(html).not.toMatch(/<style\b|\sstyle=|\son[a-z]+=|javascript:|https?:/);

  await openSite(page, siteUrl);
  const attempts = await page.evaluate(async () => {
    const refused: string[] = [];
    document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => refused.push(effectiveDirective));
    const inline = document.createElement('script');
    inline.textContent = 'window.ran = true';
    document.body.append(inline);
    const handler = document.createElement('button');
    handler.setAttribute('onclick', 'window.ran = true');
    document.body.append(handler);
    handler.click();
    const elsewhere = document.createElement('script');
    elsewhere.src = 'https://example.com/x.js';
    document.body.append(elsewhere);
    const image = new Image();
    image.src = 'https://example.com/x.png';
    const reached = await fetch('https://example.com/').then(
      () => true,
      () => false,
    );
    let evaluated = 'done';
    // Later, as the call that the test makes is itself let through.
    await new Promise<void>((resolve) =>
      setTimeout(() => {
        try {
          // biome-ignore lint/security/noGlobalEval: it must not work.
          eval('true');
        } catch (error) {
          evaluated = (error as Error).name;
        }
        resolve();
      }, 500),
    );
    return { ran: 'ran' in window, reached, evaluated, refused: [...new Set(refused)].sort() };
  });
  expect(attempts).toEqual({
    ran: false,
    reached: false,
    evaluated: 'EvalError',
    refused: ['connect-src', 'img-src', 'script-src-attr', 'script-src-elem'],
  });
  recordFault(test.info(), {
    fault: 'inline script, handler, eval, and script, image and request from another host, put into the page',
    injected: 6,
    outcome: 'the Content-Security-Policy refused each',
    lost: 'nothing',
  });
});

const MARKUP = '<img src=x onerror="window.ran=true"><script>window.ran=true</script>';

test('names and texts in dropped files are shown as text, never as HTML', async ({ page, siteUrl, errors }) => {
  await openSite(page, siteUrl, '#hidden=8');
  const alert = page.getByRole('alert');
  const untouched = async (): Promise<void> => {
    expect(await page.evaluate(() => document.querySelectorAll('img, #app script').length)).toBe(0);
    expect(await page.evaluate(() => 'ran' in window)).toBe(false);
  };
  await drop(page, [{ name: MARKUP.slice(0, 37), bytes: Buffer.from(MARKUP) }]);
  await expect(alert).toContainText(MARKUP.slice(0, 37));
  await untouched();
  await drop(page, [{ name: `${MARKUP}.safetensors`, bytes: Buffer.from(MARKUP) }]);
  await expect(alert).toContainText('Loading the checkpoint failed');
  await untouched();

  // A checkpoint that is whole, with hostile texts wherever it has any.
  const downloading = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save checkpoint' }).click();
  const snapshot = readCheckpoint(await readFile(await (await downloading).path()));
  const hostile = {
    ...snapshot,
    data: { ...snapshot.data, name: MARKUP, fingerprint: '00000000' },
    adapter: { name: MARKUP, backend: MARKUP },
    kernels: [MARKUP],
  };
  await drop(page, [{ name: 'hostile.safetensors', bytes: writeCheckpoint(hostile) }]);
  // The message quotes the name as JSON.
  await expect(alert).toContainText(JSON.stringify(MARKUP));
  await untouched();
  // And with the right images it is a checkpoint like any other.
  await drop(page, [
    {
      name: 'renamed.safetensors',
      bytes: writeCheckpoint({ ...hostile, data: { ...snapshot.data, name: MARKUP }, step: 1 }),
    },
  ]);
  await expect.poll(() => stepOf(page)).toBe(1);
  await untouched();
  expect(errors).toEqual([]);
  recordFault(test.info(), {
    fault: 'markup in the name and in every text of a dropped file',
    injected: 4,
    outcome: 'shown as text, or not at all',
    lost: 'nothing',
  });
});

test('the fourth loss within a minute is told, and the session is there after a reload', async ({ page, siteUrl }) => {
  // Opening four devices may take a slow machine longer than a minute: here it has ten.
  await page.addInitScript(() => {
    const now = performance.now.bind(performance);
    performance.now = () => now() / 10;
  });
  const devices = await watchDevices(page);
  await openSite(page, siteUrl, '#hidden=16&batch=2048&epochs=1000');
  const opened = await devices.opened();
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  // An epoch is 29.3 steps: what was learned by then is what the recoveries go on from, and what is kept.
  await expect.poll(() => stepOf(page)).toBeGreaterThan(32);
  for (let loss = 1; loss <= 4; loss++) {
    await devices.lose();
    if (loss === 4) break;
    await expect.poll(() => devices.opened()).toBeGreaterThanOrEqual(opened + loss);
  }
  await expect(page.getByRole('alert')).toContainText(
    /lost 4 times within a minute, expected at most 3 .*: use another adapter or a smaller batch/,
  );
  // To be told and to be kept are two things: a page that is left between them has an older state.
  await expect.poll(async () => Number(/\d+$/.exec((await stored(page))[0]!))).toBeGreaterThanOrEqual(30);
  await page.reload();
  await page.getByRole('button', { name: 'Resume last session' }).click();
  await expect.poll(() => stepOf(page)).toBeGreaterThanOrEqual(30);
  const resumed = await stepOf(page);
  await page.getByRole('button', { name: 'Step', exact: true }).click();
  await expect.poll(() => stepOf(page)).toBe(resumed + 1);
  recordFault(test.info(), {
    fault: 'device lost four times within a minute in the page',
    injected: 1,
    outcome: 'the page says so; after a reload it went on from the session that the browser keeps',
    lost: 'nothing that was kept after the last epoch',
  });
});

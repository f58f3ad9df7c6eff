import { readCheckpoint, writeCheckpoint } from '../../src/vae/checkpoint.ts';
import { type EpochResult, type Snapshot, Vae } from '../../src/vae/vae.ts';
import { expect, test } from '../support/fixtures.ts';
import { FIRST_VERSION, writeFirstVersion } from './checkpoint-files.ts';
import { bitsOf, recordFault, tinyData } from './faults.ts';

const data = tinyData(64);

function untimed(history: readonly EpochResult[]): unknown {
  return history.map(({ seconds: _, ...rest }) => rest);
}

test('a checkpoint of the first version is resumed to the same bits', async ({ device }) => {
  const end = async (snapshot?: Snapshot) => {
    const { config } = readCheckpoint(FIRST_VERSION);
    const vae = await Vae.create(device, data, snapshot ? {} : config, snapshot ? { snapshot } : {});
    try {
      const middle = snapshot ? undefined : await vae.train({ steps: 7 }).then(() => vae.snapshot());
      expect(await vae.train()).toEqual({ finished: true, step: 11 });
      const { parameters, m, v } = await vae.snapshot();
      return { bits: bitsOf([...parameters, ...m, ...v]), history: untimed(vae.history), middle };
    } finally {
      vae.dispose();
    }
  };
  // On this adapter: uninterrupted, and from where it was after 7 steps, by way of either version.
  const whole = await end();
  for (const write of [writeFirstVersion, writeCheckpoint]) {
    const resumed = await end(readCheckpoint(write(whole.middle!)));
    expect(resumed.bits.equals(whole.bits), write.name).toBe(true);
    expect(resumed.history).toEqual(whole.history);
  }
  // And the file that the first version itself wrote, on whatever adapter that was.
  const kept = await end(readCheckpoint(FIRST_VERSION));
  const rewritten = await end(readCheckpoint(writeCheckpoint(readCheckpoint(FIRST_VERSION))));
  expect(kept.bits.equals(rewritten.bits)).toBe(true);
  expect(kept.history).toEqual(rewritten.history);
  expect(kept.history).toHaveLength(4);
  // Both adapters began with the same numbers and rounded differently since, in f32 and over 11 steps of Adam.
  const lossOf = ({ history }: { history: unknown }) => (history as EpochResult[]).map(({ test: { loss } }) => loss);
  for (const [i, loss] of lossOf(kept).entries()) expect(loss).toBeCloseTo(lossOf(whole)[i]!, 3);
  recordFault(test.info(), {
    fault: 'checkpoint of the first version resumed by this one',
    injected: 2,
    outcome: 'the same bits as a run that was never stopped',
    lost: 'nothing',
  });
});

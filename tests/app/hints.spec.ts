import { expect, test } from 'playwright/test';
import { hintFor, type Trained } from '../../src/app/hints.ts';
import { NonFiniteError } from '../../src/train/non-finite.ts';
import { parseConfig, type VaeConfig } from '../../src/vae/config.ts';

function hint(config: Partial<VaeConfig>, { step = 0, ...rest }: Partial<Trained> & { step?: number } = {}): string {
  return hintFor({
    vae: { config: parseConfig(config), step, history: [] },
    data: { name: 'MNIST' },
    metrics: { train: [] },
    failure: undefined,
    ...rest,
  });
}

const collapsed = { step: 200, metrics: { train: [{ loss: 206, bce: 205.9, kld: 0.01 }] } };

test('a collapse is told once there were steps enough to learn the mean image, and for MNIST only', () => {
  expect(hint({}, collapsed)).toMatch(/^The posterior has collapsed/);
  expect(hint({}, { ...collapsed, step: 199 })).not.toContain('collapsed');
  expect(hint({}, { ...collapsed, data: { name: 'dropped files' } })).not.toContain('collapsed');
  for (const losses of [
    { loss: 152, bce: 146, kld: 6 },
    { loss: 206, bce: 205.9, kld: 1 },
    { loss: 140, bce: 140, kld: 0.01 },
  ]) {
    expect(hint({}, { ...collapsed, metrics: { train: [losses] } })).not.toContain('collapsed');
  }
});

test('learning rates far from the usual are told', () => {
  expect(hint({ learningRate: 0.05 })).toMatch(/^A learning rate of 0\.05 is unusually large/);
  expect(hint({ learningRate: 1e-6 })).toMatch(/^A learning rate of 0\.000001 is very small/);
  for (const learningRate of [0.02, 1e-3, 1e-5]) expect(hint({ learningRate })).not.toContain('A learning rate');
});

test('a value that is not finite is told before all else', () => {
  const failure = new NonFiniteError(3, undefined, 'the loss of step 3');
  expect(hint({ learningRate: 10 }, { ...collapsed, failure })).toMatch(/^A number became infinite .* than 10 /);
});

test('the default run is told what to expect, any other what the numbers are', () => {
  const after = (epoch: number, config: Partial<VaeConfig> = {}) => {
    const losses = { loss: 150, bce: 144, kld: 6 };
    const history = [{ epoch, step: 1, train: losses, test: losses, seconds: 1 }];
    return hint(config, { vae: { config: parseConfig(config), step: 1, history } });
  };
  expect(hint({})).toMatch(/about 160 to 166 nats after epoch 1, and 140 to 143 after 20/);
  expect(after(1)).toMatch(/about 153 to 159 nats after epoch 2/);
  expect(after(3)).toMatch(/about 145 to 151 nats after epoch 5/);
  expect(after(20)).toMatch(/after epoch 20/);
  expect(after(5, { epochs: 5 })).toMatch(/about 145 to 151 nats after epoch 5/);
  expect(after(1, { seed: 3, epochs: 50 })).toMatch(/after epoch 2/);
  for (const config of [{ hidden: [256] }, { latent: 3 }, { batch: 64 }, { learningRate: 2e-3 }, { beta: 2 }]) {
    expect(after(1, config)).toMatch(/^All losses are in nats per image/);
  }
});

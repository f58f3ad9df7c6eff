/**
 * `npm run page:example`: trains the small model that the page shows before anybody has trained one, and writes it to
 * src/app/example.safetensors, with what it makes of the first test images, so that the page needs no data to begin.
 */
import { writeFileSync } from 'node:fs';
import { createDevice, createVae, loadMnist, takeFirst } from '../src/index.ts';
import { type NamedTensor, readSafetensors, writeSafetensors } from '../src/train/safetensors.ts';

const FILE = new URL('../src/app/example.safetensors', import.meta.url);
const CONFIG = {
  hidden: [128, 64],
  latent: 2,
  epochs: 40,
  learningRate: 2e-3,
  lrSchedule: 'cosine',
  lrWarmup: 200,
  seed: 0,
} as const;
/** On the plane; more would be a larger file. */
const POINTS = 2000;

const device = await createDevice();
const data = await loadMnist();
const config = { ...CONFIG, hidden: [...CONFIG.hidden] };
const vae = await createVae(device, data, config);
await vae.train({ onEpoch: ({ epoch, test }) => console.log(`epoch ${epoch}: test −ELBO ${test.loss.toFixed(2)}`) });

// What is said of the model is true of its rounded parameters.
const rounded = readSafetensors(writeSafetensors(await vae.parameters(), {}, 'F16')).tensors;
const shown = await createVae(device, data, config, { parameters: rounded });
const { loss, bce, kld } = await shown.evaluate();
const images = takeFirst(data.test, POINTS);
const { mu } = await shown.encode(images.images);
const points: NamedTensor = { name: 'example.points', shape: [POINTS, 3], data: new Float32Array(3 * POINTS) };
for (let i = 0; i < POINTS; i++) points.data.set([mu[2 * i]!, mu[2 * i + 1]!, images.labels![i]!], 3 * i);
const test = JSON.stringify({ loss, bce, kld });
const metadata = { format: 'pt', config: JSON.stringify(shown.config), test };
const bytes = writeSafetensors([...rounded, points], metadata, 'F16');
writeFileSync(FILE, bytes);
console.log(`test −ELBO ${loss!.toFixed(2)} (BCE ${bce!.toFixed(2)}, KL ${kld!.toFixed(2)}), ${bytes.length} bytes`);
vae.dispose();
shown.dispose();
device.dispose();

/** A program's way from nothing to its first loss, for `cold-start.ts`. Argument: part of an adapter's name, or nothing. */
import { createDevice, createVae, loadMnist } from '../src/index.ts';

const adapter = process.argv[2];
const [device, data] = await Promise.all([createDevice(adapter ? { adapter } : {}), loadMnist()]);
const vae = await createVae(device, data);
await vae.advance(1, { onChunk: ([loss]) => process.stdout.write(`${JSON.stringify(loss)}\n`) });
vae.dispose();
device.dispose();

import { type Command, type Schedule, withoutRepeatedCopies } from '../gpu/schedule.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import { ADAM_DEFAULTS, adam } from '../kernels/adam.ts';
import { bceTerms, denseBackward, denseBackwardWeight, denseSigmoidBce } from '../kernels/dense.ts';
import { finishStep } from '../kernels/finish-step.ts';
import { gather, type PackedImages } from '../kernels/gather.ts';
import type { VariantChoice } from '../kernels/gemm.ts';
import { type Noise, reparameterize, reparameterizeBackward } from '../kernels/reparameterize.ts';
import type { VaeConfig } from './config.ts';
import { type LayerTensors, type Network, networkOver, stackForward } from './network.ts';
import type { ParameterTable } from './parameters.ts';

/** A schedule that computes losses, with the state that it advances and the ring it writes them to. */
export interface LossPlan {
  schedule: Schedule;
  /** (4) u32, see `StepState`. */
  state: Tensor;
  /** (capacity, 2) f32: BCE and KL of step s at s mod capacity. */
  losses: Tensor;
  /** A step's intermediate results in the order in which they are computed. */
  intermediates: Tensor[];
}

/** The model's flat buffers, all (table.length) f32. */
export interface ModelTensors {
  param: Tensor;
  grad: Tensor;
  m: Tensor;
  v: Tensor;
}

/** Losses that the ring holds before the CPU must have read them. */
export const LOSS_CAPACITY = 4096;

interface LossForward {
  commands: Command[];
  x: Tensor;
  hidden: Tensor[];
  heads: Tensor;
  z: Tensor;
  decoded: Tensor[];
  dlogits: Tensor;
  kld: Tensor;
  bce: Tensor;
}

/** In the order in which they are computed. */
function forwardTensors({ x, hidden, heads, z, kld, decoded, bce, dlogits }: LossForward): Tensor[] {
  return [x, ...hidden, heads, z, kld, ...decoded, bce, dlogits];
}

/** Batch of images -> encoder -> z -> decoder -> loss terms; the part that training and evaluation share. */
function lossForward(
  pool: BufferPool,
  network: Network,
  images: PackedImages,
  state: Tensor,
  options: { batch: number; shuffle: boolean; seed: number; noise: Noise; variants?: VariantChoice | undefined },
): LossForward {
  const { batch, shuffle, seed, noise, variants } = options;
  const x = pool.tensor('x', [batch, images.imageSize]);
  const encoder = stackForward(pool, network.encoder, x, 'relu', variants);
  const heads = stackForward(pool, [network.heads], encoder.outputs.at(-1) ?? x, 'none', variants);
  const latent = network.heads.layer.outputs / 2;
  const z = pool.tensor('z', [batch, latent]);
  const kld = pool.tensor('kld', [batch, latent]);
  const decoder = stackForward(pool, network.decoder.slice(0, -1), z, 'relu', variants);
  const { layer, weight, bias } = network.decoder.at(-1)!;
  const dlogits = pool.tensor(`d${layer.name} output`, [batch, images.imageSize]);
  const bce = pool.tensor('bce', [bceTerms(pool, batch, layer.inputs, layer.outputs, variants)]);
  const headOutput = heads.outputs[0]!;
  return {
    x,
    hidden: encoder.outputs,
    heads: headOutput,
    z,
    decoded: decoder.outputs,
    dlogits,
    kld,
    bce,
    commands: [
      gather(pool, images, { state, x }, { shuffle, seed }),
      ...encoder.commands,
      ...heads.commands,
      reparameterize(pool, { heads: headOutput, state, z, kld }, noise),
      ...decoder.commands,
      ...denseSigmoidBce(
        pool,
        { inp: decoder.outputs.at(-1) ?? z, weight, bias, x, dlogits, bce },
        { label: `${layer.name} forward and loss`, variants },
      ),
    ],
  };
}

/**
 * One training step: gather, forward, backward, loss sums, Adam.
 *
 * @param options.noise where ε comes from
 * @param options.shuffle false: images in their own order
 */
export function planTraining(
  pool: BufferPool,
  table: ParameterTable,
  model: ModelTensors,
  images: PackedImages,
  config: VaeConfig,
  options: { noise: Noise; shuffle: boolean; variants?: VariantChoice | undefined },
): LossPlan {
  const { batch, seed, beta, learningRate } = config;
  const { noise, variants } = options;
  const network = networkOver(table, model.param);
  const gradients = networkOver(table, model.grad);
  const state = pool.tensor('state', [4], { dtype: 'u32' });
  const losses = pool.tensor('losses', [LOSS_CAPACITY, 2]);
  const forward = lossForward(pool, network, images, state, { batch, seed, ...options });
  const { x, hidden, heads, z, decoded, dlogits, kld, bce } = forward;
  const intermediates = forwardTensors(forward);
  const commands = [...forward.commands];

  /** Backward through a stack of layers, whose inputs are given; returns the gradient of the first one's input. */
  const backward = (layers: LayerTensors[], dlayers: LayerTensors[], inputs: Tensor[], dout: Tensor): Tensor => {
    let gradient = dout;
    for (let i = layers.length - 1; i >= 0; i--) {
      const { layer, weight } = layers[i]!;
      const { weight: dweight, bias: dbias } = dlayers[i]!;
      const inp = inputs[i]!;
      const label = `${layer.name} backward`;
      if (inp === x) {
        // No one needs the gradient of the images.
        commands.push(...denseBackwardWeight(pool, { dout: gradient, inp, dweight, dbias }, { label, variants }));
        break;
      }
      const dinp = pool.tensor(`d${inp.label}`, inp.shape);
      // Every other input but z is the output of a ReLU.
      const relu = inp !== z;
      commands.push(
        ...denseBackward(pool, { dout: gradient, inp, weight, dweight, dbias, dinp }, { label, relu, variants }),
      );
      intermediates.push(dinp);
      gradient = dinp;
    }
    return gradient;
  };

  const dz = backward(network.decoder, gradients.decoder, [z, ...decoded], dlogits);
  const dheads = pool.tensor(`d${heads.label}`, heads.shape);
  intermediates.push(dheads);
  commands.push(reparameterizeBackward(pool, { heads, state, dz, dheads }, noise, beta));
  backward([...network.encoder, network.heads], [...gradients.encoder, gradients.heads], [x, ...hidden], dheads);

  commands.push(
    finishStep(pool, { bce, kld, state, losses }, { batch, count: images.count }),
    adam(pool, { state, ...model }, { ...ADAM_DEFAULTS, learningRate }),
  );
  return { schedule: withoutRepeatedCopies(commands), state, losses, intermediates };
}

/** The losses of a batch of images in their own order, with one seeded z ~ q(z|x) per image; changes no parameter. */
export function planEvaluation(
  pool: BufferPool,
  table: ParameterTable,
  param: Tensor,
  images: PackedImages,
  options: { batch: number; noise: Noise; state: Tensor; losses: Tensor },
): LossPlan {
  const { batch, noise, state, losses } = options;
  const network = networkOver(table, param);
  const forward = lossForward(pool, network, images, state, { batch, shuffle: false, seed: 0, noise });
  const { kld, bce } = forward;
  const finish = finishStep(pool, { bce, kld, state, losses }, { batch, count: images.count });
  const schedule = withoutRepeatedCopies([...forward.commands, finish]);
  return { schedule, state, losses, intermediates: forwardTensors(forward) };
}

/**
 * images (B, D) in [0, 1] -> heads (B, 2 L): μ, then log σ².
 * @param images without them `x` is what was uploaded there
 */
export function planEncode(
  pool: BufferPool,
  table: ParameterTable,
  param: Tensor,
  images: { packed: PackedImages; state: Tensor } | undefined,
  batch: number,
): { schedule: Schedule; x: Tensor; heads: Tensor } {
  const network = networkOver(table, param);
  const layers = [...network.encoder, network.heads];
  const x = pool.tensor('x', [batch, layers[0]!.layer.inputs]);
  const { commands, outputs } = stackForward(pool, layers, x, 'none');
  const gathered = images ? [gather(pool, images.packed, { state: images.state, x }, { shuffle: false, seed: 0 })] : [];
  return { schedule: [...gathered, ...commands], x, heads: outputs.at(-1)! };
}

/** z (B, L) -> pixels (B, D) in [0, 1]. */
export function planDecode(
  pool: BufferPool,
  table: ParameterTable,
  param: Tensor,
  batch: number,
): { schedule: Schedule; z: Tensor; pixels: Tensor } {
  const network = networkOver(table, param);
  const z = pool.tensor('z', [batch, network.heads.layer.outputs / 2]);
  const { commands, outputs } = stackForward(pool, network.decoder, z, 'sigmoid');
  return { schedule: commands, z, pixels: outputs.at(-1)! };
}

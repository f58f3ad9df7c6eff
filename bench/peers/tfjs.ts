import '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import type { OpenContender } from './contender.ts';
import { ADAM, BATCH, BATCHES, type InitialLayer, imageBatches, initialLayers, LATENT, LEARNING_RATE } from './task.ts';

/** Dispatches that tfjs collects before it submits them; its default, 15, makes twenty times as many submissions. */
const DISPATCHES_PER_SUBMIT = 1000;

/**
 * TensorFlow.js: fused matrix products with bias and ReLU, its own Adam, everything in `tidy`.
 * Both heads are one layer, as in ours.
 */
export const openTfjs: OpenContender = async ({ data, beforeRead }) => {
  tf.env().set('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE', DISPATCHES_PER_SUBMIT);
  if (!(await tf.setBackend('webgpu'))) throw new Error('tfjs: its webgpu backend does not start');
  const backend = tf.backend() as WebGPUBackend;

  const pixels = data.train.rows * data.train.columns;
  const batches = imageBatches(data).map((batch) => tf.tensor2d(batch, [BATCH, pixels]));
  const variables = ({ transposedWeight, inputs, outputs, bias }: InitialLayer) => ({
    weight: tf.variable(tf.tensor2d(transposedWeight, [inputs, outputs])),
    bias: tf.variable(tf.tensor1d(bias)),
  });
  const initial = initialLayers(data);
  const encoder = initial.encoder.map(variables);
  const heads = variables(initial.heads);
  const decoder = initial.decoder.map(variables);
  const dense = (a: tf.Tensor2D, { weight, bias }: typeof heads, activation: 'relu' | 'linear'): tf.Tensor2D =>
    tf.fused.matMul({ a, b: weight, bias, activation }) as tf.Tensor2D;

  const loss = (x: tf.Tensor2D): tf.Scalar => {
    const hidden = encoder.reduce((inp, each) => dense(inp, each, 'relu'), x);
    const [mu, logvar] = tf.split(dense(hidden, heads, 'linear'), 2, 1) as [tf.Tensor2D, tf.Tensor2D];
    const eps = tf.randomNormal<tf.Rank.R2>([BATCH, LATENT]);
    const z = tf.add<tf.Tensor2D>(mu, tf.mul(tf.exp(tf.mul(logvar, 0.5)), eps));
    const decoded = decoder.slice(0, -1).reduce((inp, each) => dense(inp, each, 'relu'), z);
    const logits = dense(decoded, decoder.at(-1)!, 'linear');
    const bce = tf.sum(tf.sub(tf.softplus(logits), tf.mul(logits, x)));
    const kld = tf.mul(tf.sum(tf.sub(tf.sub(tf.add(tf.square(mu), tf.exp(logvar)), logvar), 1)), 0.5);
    return tf.div<tf.Scalar>(tf.add(bce, kld), BATCH);
  };
  const optimizer = tf.train.adam(LEARNING_RATE, ADAM.beta1, ADAM.beta2, ADAM.epsilon);

  let step = 0;
  const next = (returnCost: boolean): tf.Scalar | null => {
    const x = batches[step++ % BATCHES]!;
    return optimizer.minimize(() => tf.tidy(() => loss(x)), returnCost);
  };
  return {
    async train(steps) {
      for (let i = 1; i < steps; i++) next(false);
      const cost = next(true)!;
      // What a read does first; done here so that the GPU works while we sleep.
      backend.endComputePassEncoder();
      backend.submitQueue();
      await beforeRead();
      const [value] = await cost.data();
      cost.dispose();
      return value!;
    },
  };
};

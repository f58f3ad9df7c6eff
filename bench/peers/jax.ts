import { defaultDevice, init, jit, nn, numpy as np, random, tree, valueAndGrad } from '@jax-js/jax';
import type { DataSet } from '../../src/data/dataset.ts';
import type { Contender, OpenContender } from './contender.ts';
import { ADAM, BATCH, BATCHES, type InitialLayer, imageBatches, initialLayers, LATENT, LEARNING_RATE } from './task.ts';

// An array that is passed on is consumed; `.ref` keeps it for one more use.

/** How a layer's weights lie: as JAX's own libraries have them, or as PyTorch and ours do. Which is faster depends on the adapter. */
type WeightLayout = '(in, out)' | '(out, in)';
type Layer = { weight: np.Array; bias: np.Array };
type Model = { encoder: Layer[]; heads: Layer; decoder: Layer[] };
type State = { model: Model; m: Model; v: Model; t: np.Array; key: np.Array };

function loss(layout: WeightLayout, { encoder, heads, decoder }: Model, x: np.Array, eps: np.Array): np.Array {
  const dense = (inp: np.Array, { weight, bias }: Layer): np.Array =>
    np.dot(inp, layout === '(in, out)' ? weight : weight.transpose()).add(bias);
  const hidden = encoder.reduce((inp, layer) => nn.relu(dense(inp, layer)), x.ref);
  const out = dense(hidden, heads);
  const mu = out.ref.slice([], [0, LATENT]);
  const logvar = out.slice([], [LATENT, 2 * LATENT]);
  const z = mu.ref.add(np.exp(logvar.ref.mul(0.5)).mul(eps));
  const decoded = decoder.slice(0, -1).reduce((inp, layer) => nn.relu(dense(inp, layer)), z);
  const logits = dense(decoded, decoder.at(-1)!);
  const bce = np.sum(nn.softplus(logits.ref).sub(logits.mul(x)));
  const kld = np.sum(np.square(mu).add(np.exp(logvar.ref)).sub(logvar).sub(1)).mul(0.5);
  return bce.add(kld).div(BATCH);
}

/** One step of training with Adam. */
function trainStep(layout: WeightLayout, { model, m, v, t, key }: State, x: np.Array): [State, np.Array] {
  const keys = random.split(key, 2);
  const eps = random.normal(keys.ref.slice(1), [BATCH, LATENT]);
  const step = t.add(1);
  const [cost, gradients] = valueAndGrad((p: Model) => loss(layout, p, x, eps))(tree.ref(model)) as [np.Array, Model];
  const unbias1 = np.subtract(1, np.power(ADAM.beta1, step.ref));
  const unbias2 = np.subtract(1, np.power(ADAM.beta2, step.ref));
  const m1 = tree.map(
    (old: np.Array, gradient: np.Array) => old.mul(ADAM.beta1).add(gradient.mul(1 - ADAM.beta1)),
    m,
    tree.ref(gradients),
  ) as Model;
  const v1 = tree.map(
    (old: np.Array, gradient: np.Array) => old.mul(ADAM.beta2).add(np.square(gradient).mul(1 - ADAM.beta2)),
    v,
    gradients,
  ) as Model;
  const next = tree.map(
    (old: np.Array, mean: np.Array, square: np.Array) => {
      const scale = np.sqrt(square.div(unbias2.ref)).add(ADAM.epsilon);
      return old.sub(mean.div(unbias1.ref).div(scale).mul(LEARNING_RATE));
    },
    model,
    tree.ref(m1),
    tree.ref(v1),
  ) as Model;
  unbias1.dispose();
  unbias2.dispose();
  return [{ model: next, m: m1, v: v1, t: step, key: keys.slice(0) }, cost];
}

/** jax-js: the whole step, noise and Adam included, compiled by one `jit`. */
export function openJax(layout: WeightLayout): OpenContender {
  return ({ data }) => open(layout, data);
}

async function open(layout: WeightLayout, data: DataSet): Promise<Contender> {
  if (!(await init('webgpu')).includes('webgpu')) throw new Error('jax-js: its webgpu backend does not start');
  defaultDevice('webgpu');
  const pixels = data.train.rows * data.train.columns;
  const batches = imageBatches(data).map((batch) => np.array(batch, { shape: [BATCH, pixels] }));
  const initial = initialLayers(data);
  const model = (make: (layer: InitialLayer) => Layer): Model => ({
    encoder: initial.encoder.map(make),
    heads: make(initial.heads),
    decoder: initial.decoder.map(make),
  });
  const zeros = ({ inputs, outputs }: InitialLayer): Layer => ({
    weight: np.zeros(layout === '(in, out)' ? [inputs, outputs] : [outputs, inputs]),
    bias: np.zeros([outputs]),
  });
  let state: State = {
    model: model((layer) => ({
      weight: initialWeight(layout, layer),
      bias: np.array(layer.bias as Float32Array<ArrayBuffer>),
    })),
    m: model(zeros),
    v: model(zeros),
    t: np.array(0, { dtype: np.float32 }),
    key: random.key(0),
  };

  const compiled = jit((before: State, x: np.Array) => trainStep(layout, before, x));
  let step = 0;
  return {
    async train(steps) {
      let cost: np.Array | undefined;
      for (let i = 0; i < steps; i++) {
        cost?.dispose();
        [state, cost] = compiled(state, batches[step++ % BATCHES]!.ref) as [State, np.Array];
      }
      // Reading also dispatches what `jit` has put off, so there is nothing to sleep for before it.
      const [value] = await cost!.data();
      return value as number;
    },
  };
}

function initialWeight(layout: WeightLayout, { weight, transposedWeight, inputs, outputs }: InitialLayer): np.Array {
  if (layout === '(out, in)') return np.array(weight as Float32Array<ArrayBuffer>, { shape: [outputs, inputs] });
  return np.array(transposedWeight as Float32Array<ArrayBuffer>, { shape: [inputs, outputs] });
}

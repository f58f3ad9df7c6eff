// The normal likelihood with one learned log sigma^2 for all elements, first half: gaussian_learned_sum.wgsl is the second.
//   term = (pred - x)^2 / (2 sigma^2),  dpred = (pred - x) / sigma^2
// pred, x, dpred (B, D), logvar (1); dpred is the sink's dinp.

struct Params {
  elements: u32,  // Elements of x
  masked: u32,
  accumulate: u32,
  scale: f32,     // weight / B
}

@group(0) @binding(0) var<storage, read> pred: array<Element>;
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read> logvar: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

fn likelihood(index: u32, scale: f32) -> Element {
  let inverse = exp(-logvar[0]);
  let difference = pred[index] - x[index];
  put(index, (scale * inverse) * difference);
  return (0.5 * inverse) * difference * difference;
}

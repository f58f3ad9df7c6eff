// Squared error, and with other numbers the normal likelihood of a given sigma:
//   term = quadratic (pred - x)^2 + constant,  dpred = 2 quadratic (pred - x)
// squared error: 1 and 0; -log N(x; pred, sigma^2): 1 / (2 sigma^2) and log sigma + log(2 pi) / 2.
// pred, x, dpred (B, D); dpred is the sink's dinp.

struct Params {
  elements: u32,  // Elements of x
  masked: u32,
  accumulate: u32,
  scale: f32,     // weight / B
  quadratic: f32,
  constant: f32,
}

@group(0) @binding(0) var<storage, read> pred: array<Element>;
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(5) var<uniform> params: Params;

fn likelihood(index: u32, scale: f32) -> Element {
  let difference = pred[index] - x[index];
  put(index, (2.0 * params.quadratic * scale) * difference);
  return params.quadratic * difference * difference + params.constant;
}

// The Bernoulli likelihood of x in [0, 1] from logits l, as dense_bce.wgsl has it, for models whose last operation is no product:
//   term = max(l, 0) - l x + log(1 + exp(-|l|))      (the stable form of -x log s(l) - (1 - x) log(1 - s(l)))
//   dlogits = s(l) - x
// logits, x, dlogits (B, D); dlogits is the sink's dinp.

struct Params {
  elements: u32,  // Elements of x
  masked: u32,
  accumulate: u32,
  scale: f32,     // weight / B
}

@group(0) @binding(0) var<storage, read> logits: array<Element>;
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(5) var<uniform> params: Params;

fn likelihood(index: u32, scale: f32) -> Element {
  let l = logits[index];
  let e = exp(-abs(l));
  put(index, (select(e, Element(1.0), l >= Element()) / (1.0 + e) - x[index]) * scale);
  return select(l, Element(), l < Element()) - l * x[index] + log(1.0 + e);
}

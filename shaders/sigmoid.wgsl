// Sigmoid: f(x) = s(x) = 1 / (1 + exp(-x)), f' = s (1 - s). Needs logistic.wgsl.

fn forward(x: Element) -> Element {
  return logistic(x);
}

// s (1 - s) = e / (1 + e)^2 with e = exp(-|x|), without the cancellation in 1 - s.
fn backward(x: Element, d: Element) -> Element {
  let e = exp(-abs(x));
  return d * e / ((1.0 + e) * (1.0 + e));
}

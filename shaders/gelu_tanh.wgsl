// GELU in the form with tanh: f(x) = x (1 + tanh u) / 2, u = sqrt(2 / pi) (x + 0.044715 x^3) (Hendrycks & Gimpel 2016, section 2;
// PyTorch's approximate='tanh'). Since (1 + tanh u) / 2 = s(2 u), f = x s(2 u) and f' = s + x s (1 - s) 2 u', and small values of
// s keep their accuracy. Needs logistic.wgsl.

fn forward(x: Element) -> Element {
  return x * logistic(1.5957691216 * (x + 0.044715 * x * x * x));
}

fn backward(x: Element, d: Element) -> Element {
  let s = logistic(1.5957691216 * (x + 0.044715 * x * x * x));
  return d * s * (1.0 + x * (1.0 - s) * 1.5957691216 * (1.0 + 0.134145 * x * x));
}

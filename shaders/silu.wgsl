// SiLU: f(x) = x s(x) with the logistic function s (Elfwing et al. 2018, "Sigmoid-weighted linear units"; Hendrycks & Gimpel
// 2016), f' = s + x s (1 - s). Needs logistic.wgsl.

fn forward(x: Element) -> Element {
  return x * logistic(x);
}

fn backward(x: Element, d: Element) -> Element {
  let s = logistic(x);
  return d * s * (1.0 + x * (1.0 - s));
}

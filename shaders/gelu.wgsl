// GELU: f(x) = x P(x), f' = P(x) + x p(x), with P and p the distribution function and the density of N(0, 1) (Hendrycks & Gimpel
// 2016, "Gaussian error linear units"). The form with erf, PyTorch's default; gelu_tanh.wgsl is the other one.
// WGSL has no erf. P is within 7.5e-8 of the truth, before rounding: Abramowitz & Stegun 1964, 7.1.26,
//   erfc(z) = (a1 t + ... + a5 t^5) exp(-z^2), t = 1 / (1 + 0.3275911 z), for z >= 0, here with z = |x| / sqrt(2) and halved.

fn normal_distribution(x: Element, density_shape: Element) -> Element {
  let t = 1.0 / (1.0 + 0.23164189 * abs(x));
  let tail = t * (0.127414796 + t * (-0.142248368 + t * (0.7107068705 + t * (-0.7265760135 + t * 0.5307027145)))) * density_shape;
  return select(tail, 1.0 - tail, x >= Element());
}

fn forward(x: Element) -> Element {
  return x * normal_distribution(x, exp(-0.5 * x * x));
}

fn backward(x: Element, d: Element) -> Element {
  let density_shape = exp(-0.5 * x * x);
  return d * (normal_distribution(x, density_shape) + 0.39894228 * x * density_shape);
}

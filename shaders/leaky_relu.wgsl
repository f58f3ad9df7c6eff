// LeakyReLU: f(x) = x where x > 0, else slope x (Maas et al. 2013, "Rectifier nonlinearities improve neural network acoustic
// models"). At 0 the gradient is that of the negative side, as in PyTorch.

override NEGATIVE_SLOPE: f32 = 0.01;

fn forward(x: Element) -> Element {
  return select(NEGATIVE_SLOPE * x, x, x > Element());
}

fn backward(x: Element, d: Element) -> Element {
  return select(NEGATIVE_SLOPE * d, d, x > Element());
}

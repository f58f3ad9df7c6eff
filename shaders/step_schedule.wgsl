// A factor in [0, 1] that depends on how many steps are done, computed here so that a step needs no write and a resumed run has
// the same bits. Parts that are not used are 1. With t = done + 1, the number of the step, from 1:
//   warm-up   min(1, t / WARMUP)                                     (Goyal et al. 2017 for rates, Sønderby et al. 2016 for KL)
//   cosine    (1 + cos(pi (done - WARMUP) / (STEPS - WARMUP))) / 2, 1 before and 0 after
//                                                                    (Loshchilov & Hutter 2017, "SGDR", equation 5, one cycle)
//   cycles    min(1, tau / RATIO), tau = (done mod PERIOD) / PERIOD  (Fu et al. 2019, "Cyclical annealing schedule", equation 6)

override WARMUP: u32 = 0u;
override STEPS: u32 = 0u;
override PERIOD: u32 = 0u;
override RATIO: f32 = 0.5;

// sin(pi q / 2) for q in [0, 1]: a Taylor series, because WGSL's cos may be off by 5e-4.
fn sine_quarter(q: f32) -> f32 {
  let x = q * 1.57079633;
  let t = x * x;
  let high = 1.0 / 362880.0 - t * (1.0 / 39916800.0 - t * (1.0 / 6227020800.0));
  return x * (1.0 - t * (1.0 / 6.0 - t * (1.0 / 120.0 - t * (1.0 / 5040.0 - t * high))));
}

fn step_factor(done: u32) -> f32 {
  var factor = 1.0;
  if (WARMUP > 0u) {
    factor = min(1.0, f32(done + 1u) / f32(WARMUP));
  }
  if (STEPS > 0u) {
    // (1 + cos(pi p)) / 2 = sin^2(pi (1 - p) / 2), which keeps its accuracy towards the end.
    let left = f32(STEPS - min(max(done, WARMUP), STEPS));
    let sine = sine_quarter(min(1.0, left / f32(max(STEPS, WARMUP + 1u) - WARMUP)));
    factor *= sine * sine;
  }
  if (PERIOD > 0u) {
    factor *= min(1.0, f32(done % max(PERIOD, 1u)) / (RATIO * f32(PERIOD)));
  }
  return factor;
}

// Standard normal numbers by the Box-Muller transform, z = sqrt(-2 ln u1) cos(2 pi u2).
// log and cos are written out in + and *: the built-in ones differ between drivers by up to 2e-4, these by a few ULP.
// Needs philox.wgsl.

// Natural logarithm of a normal f32 in (0, 1]: u = 2^e m with m in [sqrt(1/2), sqrt(2)),
// ln m = 2 atanh(s), s = (m - 1) / (m + 1), |s| < 0.172, so the series is exact to f32 after s^9.
fn natural_log(u: f32) -> f32 {
  let bits = bitcast<u32>(u);
  var exponent = f32(i32(bits >> 23u) - 127);
  var m = bitcast<f32>((bits & 0x007fffffu) | 0x3f800000u);
  if (m > 1.41421356) {
    m *= 0.5;
    exponent += 1.0;
  }
  let s = (m - 1.0) / (m + 1.0);
  let t = s * s;
  let series = 1.0 + t * (1.0 / 3.0 + t * (1.0 / 5.0 + t * (1.0 / 7.0 + t * (1.0 / 9.0))));
  return exponent * 0.69314718 + 2.0 * s * series;
}

// cos(2 pi u) for u in [0, 1): the quadrant is split off exactly, the rest, |x| <= pi/4, is a Taylor series.
fn cos_turn(u: f32) -> f32 {
  let quarter = u * 4.0;
  let quadrant = floor(quarter + 0.5);
  let x = (quarter - quadrant) * 1.57079633;
  let t = x * x;
  let cosine = 1.0 + t * (-1.0 / 2.0 + t * (1.0 / 24.0 + t * (-1.0 / 720.0 + t * (1.0 / 40320.0 - t * (1.0 / 3628800.0)))));
  let sine = x * (1.0 + t * (-1.0 / 6.0 + t * (1.0 / 120.0 + t * (-1.0 / 5040.0 + t * (1.0 / 362880.0)))));
  switch (u32(quadrant) & 3u) {
    case 0u: { return cosine; }
    case 1u: { return -sine; }
    case 2u: { return -cosine; }
    default: { return sine; }
  }
}

// One standard normal number for a counter; |z| <= 5.77 because u1 >= 2^-24.
fn standard_normal(counter: vec4u, key: vec2u) -> f32 {
  let random = philox4x32_10(counter, key);
  let u1 = f32((random.x >> 8u) + 1u) * (1.0 / 16777216.0);
  let u2 = f32(random.y >> 8u) * (1.0 / 16777216.0);
  return sqrt(-2.0 * natural_log(u1)) * cos_turn(u2);
}

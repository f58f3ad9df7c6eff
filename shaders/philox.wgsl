// Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
// The same (counter, key) gives the same bits on every adapter, so noise needs no storage: it is drawn again where it is needed.

const PHILOX_M0 = 0xD2511F53u;
const PHILOX_M1 = 0xCD9E8D57u;
const PHILOX_W0 = 0x9E3779B9u;
const PHILOX_W1 = 0xBB67AE85u;

// High 32 bits of a 32 x 32 bit product. WGSL has no such operation, so it is put together from 16-bit halves.
fn multiply_high(a: u32, b: u32) -> u32 {
  let a_low = a & 0xffffu;
  let a_high = a >> 16u;
  let b_low = b & 0xffffu;
  let b_high = b >> 16u;
  let low = a_low * b_low;
  let middle = a_high * b_low + (low >> 16u);
  let cross = a_low * b_high + (middle & 0xffffu);
  return a_high * b_high + (middle >> 16u) + (cross >> 16u);
}

fn philox4x32_10(counter: vec4u, key: vec2u) -> vec4u {
  var c = counter;
  var k = key;
  for (var round = 0u; round < 10u; round++) {
    c = vec4u(
      multiply_high(PHILOX_M1, c.z) ^ c.y ^ k.x,
      PHILOX_M1 * c.z,
      multiply_high(PHILOX_M0, c.x) ^ c.w ^ k.y,
      PHILOX_M0 * c.x,
    );
    k += vec2u(PHILOX_W0, PHILOX_W1);
  }
  return c;
}

// A keyed bijection on [0, n): which image stands at a position of an epoch. No table, any epoch at any time.
// A balanced Feistel network over 2 h bits, 4^h >= n; values >= n are sent through again ("cycle walking",
// Black & Rogaway 2002, "Ciphers with arbitrary finite domains"), which keeps it a bijection on [0, n).

const FEISTEL_ROUNDS = 6u;

// The finalizer of MurmurHash3: every input bit reaches every output bit.
fn mix(value: u32) -> u32 {
  var x = value;
  x = (x ^ (x >> 16u)) * 0x85ebca6bu;
  x = (x ^ (x >> 13u)) * 0xc2b2ae35u;
  return x ^ (x >> 16u);
}

fn shuffled_position(position: u32, n: u32, half_bits: u32, seed: u32, epoch: u32) -> u32 {
  let mask = (1u << half_bits) - 1u;
  let key = mix(seed ^ mix(epoch));
  var value = position;
  loop {
    var left = value >> half_bits;
    var right = value & mask;
    for (var round = 0u; round < FEISTEL_ROUNDS; round++) {
      let next = left ^ (mix(right ^ mix(key + round)) & mask);
      left = right;
      right = next;
    }
    value = (left << half_bits) | right;
    if (value < n) {
      break;
    }
  }
  return value;
}

// Which image is number `place`, counted from the first one of an epoch, whose images follow one another without end: in the order
// that the seed gives each epoch, or with half_bits = 0 in their own. So a batch may straddle epochs, even several of them.
fn sample_at(place: u32, n: u32, half_bits: u32, seed: u32, epoch: u32) -> u32 {
  let position = place % n;
  if (half_bits == 0u) {
    return position;
  }
  return shuffled_position(position, n, half_bits, seed, epoch + place / n);
}

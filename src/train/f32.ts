/** f32's smallest normal number: what is below may be computed with as 0. */
export const F32_MIN = 2 ** -126;
export const F32_MAX = (2 - 2 ** -23) * 2 ** 127;

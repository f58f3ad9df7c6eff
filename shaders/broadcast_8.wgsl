enable subgroups;

// Broadcasts for subgroups of 8 lanes: a column of 16 rows of A lies in two fragments of eight rows, one row a lane.
// The lane of a broadcast must be a constant, hence one line a row. The more of k goes into one sum, the seldomer its
// accumulators, which are more than a CPU has registers, are fetched and put back.
const SUBGROUP_SIZE = 8u;

// tile += rows (outer product) columns.
fn multiply_add(tile: ptr<function, Tile>, rows: vec4f, columns: vec4f) {
  (*tile).c0 += subgroupBroadcast(rows.x, 0u) * columns;
  (*tile).c1 += subgroupBroadcast(rows.x, 1u) * columns;
  (*tile).c2 += subgroupBroadcast(rows.x, 2u) * columns;
  (*tile).c3 += subgroupBroadcast(rows.x, 3u) * columns;
  (*tile).c4 += subgroupBroadcast(rows.x, 4u) * columns;
  (*tile).c5 += subgroupBroadcast(rows.x, 5u) * columns;
  (*tile).c6 += subgroupBroadcast(rows.x, 6u) * columns;
  (*tile).c7 += subgroupBroadcast(rows.x, 7u) * columns;
  (*tile).c8 += subgroupBroadcast(rows.y, 0u) * columns;
  (*tile).c9 += subgroupBroadcast(rows.y, 1u) * columns;
  (*tile).c10 += subgroupBroadcast(rows.y, 2u) * columns;
  (*tile).c11 += subgroupBroadcast(rows.y, 3u) * columns;
  (*tile).c12 += subgroupBroadcast(rows.y, 4u) * columns;
  (*tile).c13 += subgroupBroadcast(rows.y, 5u) * columns;
  (*tile).c14 += subgroupBroadcast(rows.y, 6u) * columns;
  (*tile).c15 += subgroupBroadcast(rows.y, 7u) * columns;
}

// The same for two of k.
fn multiply_add_2(tile: ptr<function, Tile>, rows0: vec4f, columns0: vec4f, rows1: vec4f, columns1: vec4f) {
  (*tile).c0 += subgroupBroadcast(rows0.x, 0u) * columns0 + subgroupBroadcast(rows1.x, 0u) * columns1;
  (*tile).c1 += subgroupBroadcast(rows0.x, 1u) * columns0 + subgroupBroadcast(rows1.x, 1u) * columns1;
  (*tile).c2 += subgroupBroadcast(rows0.x, 2u) * columns0 + subgroupBroadcast(rows1.x, 2u) * columns1;
  (*tile).c3 += subgroupBroadcast(rows0.x, 3u) * columns0 + subgroupBroadcast(rows1.x, 3u) * columns1;
  (*tile).c4 += subgroupBroadcast(rows0.x, 4u) * columns0 + subgroupBroadcast(rows1.x, 4u) * columns1;
  (*tile).c5 += subgroupBroadcast(rows0.x, 5u) * columns0 + subgroupBroadcast(rows1.x, 5u) * columns1;
  (*tile).c6 += subgroupBroadcast(rows0.x, 6u) * columns0 + subgroupBroadcast(rows1.x, 6u) * columns1;
  (*tile).c7 += subgroupBroadcast(rows0.x, 7u) * columns0 + subgroupBroadcast(rows1.x, 7u) * columns1;
  (*tile).c8 += subgroupBroadcast(rows0.y, 0u) * columns0 + subgroupBroadcast(rows1.y, 0u) * columns1;
  (*tile).c9 += subgroupBroadcast(rows0.y, 1u) * columns0 + subgroupBroadcast(rows1.y, 1u) * columns1;
  (*tile).c10 += subgroupBroadcast(rows0.y, 2u) * columns0 + subgroupBroadcast(rows1.y, 2u) * columns1;
  (*tile).c11 += subgroupBroadcast(rows0.y, 3u) * columns0 + subgroupBroadcast(rows1.y, 3u) * columns1;
  (*tile).c12 += subgroupBroadcast(rows0.y, 4u) * columns0 + subgroupBroadcast(rows1.y, 4u) * columns1;
  (*tile).c13 += subgroupBroadcast(rows0.y, 5u) * columns0 + subgroupBroadcast(rows1.y, 5u) * columns1;
  (*tile).c14 += subgroupBroadcast(rows0.y, 6u) * columns0 + subgroupBroadcast(rows1.y, 6u) * columns1;
  (*tile).c15 += subgroupBroadcast(rows0.y, 7u) * columns0 + subgroupBroadcast(rows1.y, 7u) * columns1;
}

// The same for four of k: quads[f] are four along k of fragment f's row, columns[i] is B's row k + i.
fn multiply_add_4(tile: ptr<function, Tile>, quads: mat4x4f, columns: mat4x4f) {
  (*tile).c0 += weighted_sum(columns, subgroupBroadcast(quads[0], 0u));
  (*tile).c1 += weighted_sum(columns, subgroupBroadcast(quads[0], 1u));
  (*tile).c2 += weighted_sum(columns, subgroupBroadcast(quads[0], 2u));
  (*tile).c3 += weighted_sum(columns, subgroupBroadcast(quads[0], 3u));
  (*tile).c4 += weighted_sum(columns, subgroupBroadcast(quads[0], 4u));
  (*tile).c5 += weighted_sum(columns, subgroupBroadcast(quads[0], 5u));
  (*tile).c6 += weighted_sum(columns, subgroupBroadcast(quads[0], 6u));
  (*tile).c7 += weighted_sum(columns, subgroupBroadcast(quads[0], 7u));
  (*tile).c8 += weighted_sum(columns, subgroupBroadcast(quads[1], 0u));
  (*tile).c9 += weighted_sum(columns, subgroupBroadcast(quads[1], 1u));
  (*tile).c10 += weighted_sum(columns, subgroupBroadcast(quads[1], 2u));
  (*tile).c11 += weighted_sum(columns, subgroupBroadcast(quads[1], 3u));
  (*tile).c12 += weighted_sum(columns, subgroupBroadcast(quads[1], 4u));
  (*tile).c13 += weighted_sum(columns, subgroupBroadcast(quads[1], 5u));
  (*tile).c14 += weighted_sum(columns, subgroupBroadcast(quads[1], 6u));
  (*tile).c15 += weighted_sum(columns, subgroupBroadcast(quads[1], 7u));
}

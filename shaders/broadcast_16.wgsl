enable subgroups;

// Broadcasts for subgroups of 16 lanes: a column of 16 rows of A lies in one fragment of sixteen rows, one row a lane.
const SUBGROUP_SIZE = 16u;

// tile += rows (outer product) columns. The lane of a broadcast must be a constant, hence one line a row.
fn multiply_add(tile: ptr<function, Tile>, rows: vec4f, columns: vec4f) {
  (*tile).c0 += subgroupBroadcast(rows.x, 0u) * columns;
  (*tile).c1 += subgroupBroadcast(rows.x, 1u) * columns;
  (*tile).c2 += subgroupBroadcast(rows.x, 2u) * columns;
  (*tile).c3 += subgroupBroadcast(rows.x, 3u) * columns;
  (*tile).c4 += subgroupBroadcast(rows.x, 4u) * columns;
  (*tile).c5 += subgroupBroadcast(rows.x, 5u) * columns;
  (*tile).c6 += subgroupBroadcast(rows.x, 6u) * columns;
  (*tile).c7 += subgroupBroadcast(rows.x, 7u) * columns;
  (*tile).c8 += subgroupBroadcast(rows.x, 8u) * columns;
  (*tile).c9 += subgroupBroadcast(rows.x, 9u) * columns;
  (*tile).c10 += subgroupBroadcast(rows.x, 10u) * columns;
  (*tile).c11 += subgroupBroadcast(rows.x, 11u) * columns;
  (*tile).c12 += subgroupBroadcast(rows.x, 12u) * columns;
  (*tile).c13 += subgroupBroadcast(rows.x, 13u) * columns;
  (*tile).c14 += subgroupBroadcast(rows.x, 14u) * columns;
  (*tile).c15 += subgroupBroadcast(rows.x, 15u) * columns;
}

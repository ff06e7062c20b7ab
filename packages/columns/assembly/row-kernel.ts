// AssemblyScript, compiled by tools/wasm.mjs into src/row-kernel.wasm.ts. Loops over all rows of a batch: order, runs,
// codes. The host (src/row-kernel.ts) copies a slice of rows at a time, so memory does not grow with the batch; what goes
// on from slice to slice lies in globals.

/** The first byte that the host may use. */
export function heapBase(): usize {
  return __heap_base;
}

/** `count` row numbers from `first` on. */
export function numberRows(rows: usize, count: i32, first: u32): void {
  for (let index = 0; index < count; index++) store<u32>(rows + (<usize>index << 2), first + <u32>index);
}

/** −1 where a row is not below `limit`, 1 where each row is the one after the row before, 0 otherwise. */
export function kindOfRows(rows: usize, count: i32, limit: u32): i32 {
  const first = load<u32>(rows);
  let isRun = true;
  for (let index = 0; index < count; index++) {
    const row = load<u32>(rows + (<usize>index << 2));
    if (row >= limit) return -1;
    if (row != first + <u32>index) isRun = false;
  }
  return isRun ? 1 : 0;
}

let previous: f64 = 0;

export function setPrevious(value: f64): void {
  previous = value;
}

/**
 * The places, from `place` on, whose value is (`wanted` 1) or is not (0) the one before it plus `step`; gives their
 * number. The first value of all is compared with what `setPrevious` was told.
 */
export function findSteps(values: usize, count: i32, step: f64, wanted: i32, place: u32, places: usize): i32 {
  let to = places;
  let before = previous;
  for (let index = 0; index < count; index++) {
    const value = load<f64>(values + (<usize>index << 3));
    if (i32(value == before + step) == wanted) {
      store<u32>(to, place + <u32>index);
      to += 4;
    }
    before = value;
  }
  previous = before;
  return <i32>((to - places) >> 2);
}

// Stragglers: rows whose value is less than one before them. The others ascend. A straggler is 16 bytes: its value, its
// place among all rows, its row.

const STRAGGLER: usize = 16;

let greatest: f64 = 0;
let stragglers: usize = 0;
let stragglerCount: i32 = 0;
let nextStraggler: i32 = 0;

export function startStragglers(at: usize): void {
  greatest = -Infinity;
  stragglers = at;
  stragglerCount = 0;
}

/** Adds the stragglers of a slice that begins at `place`; gives how many there are now, −1 where a value is NaN. */
export function findStragglers(rows: usize, values: usize, count: i32, place: u32): i32 {
  let most = greatest;
  let to = stragglers + <usize>stragglerCount * STRAGGLER;
  for (let index = 0; index < count; index++) {
    const value = load<f64>(values + (<usize>index << 3));
    if (value >= most) {
      most = value;
      continue;
    }
    if (value != value) return -1;
    store<f64>(to, value);
    store<u32>(to + 8, place + <u32>index);
    store<u32>(to + 12, load<u32>(rows + (<usize>index << 2)));
    to += STRAGGLER;
  }
  greatest = most;
  stragglerCount = <i32>((to - stragglers) / STRAGGLER);
  return stragglerCount;
}

/** Sorts the stragglers by value, equal ones by place: merges of runs twice as long each time. `spare`: as much room. */
export function sortStragglers(spare: usize): void {
  let from = stragglers;
  let to = spare;
  for (let width = 1; width < stragglerCount; width *= 2) {
    for (let start = 0; start < stragglerCount; start += 2 * width) {
      mergeRuns(from, to, start, min(start + width, stragglerCount), min(start + 2 * width, stragglerCount));
    }
    const sorted = to;
    to = from;
    from = sorted;
  }
  if (from != stragglers) memory.copy(stragglers, from, <usize>stragglerCount * STRAGGLER);
}

function mergeRuns(from: usize, to: usize, start: i32, middle: i32, end: i32): void {
  let left = from + <usize>start * STRAGGLER;
  const leftEnd = from + <usize>middle * STRAGGLER;
  let right = leftEnd;
  const rightEnd = from + <usize>end * STRAGGLER;
  let at = to + <usize>start * STRAGGLER;
  while (left < leftEnd || right < rightEnd) {
    const isLeft = right == rightEnd || (left < leftEnd && load<f64>(left) <= load<f64>(right));
    const source = isLeft ? left : right;
    store<u64>(at, load<u64>(source));
    store<u64>(at + 8, load<u64>(source + 8));
    at += STRAGGLER;
    if (isLeft) left += STRAGGLER;
    else right += STRAGGLER;
  }
}

export function startMerge(): void {
  greatest = -Infinity;
  nextStraggler = 0;
}

/**
 * The rows of a slice that begins at `place`, its stragglers left out, with those merged in that come before them; equal
 * values stay as they stood. Gives the number of rows written.
 */
export function mergeStragglers(rows: usize, values: usize, count: i32, place: u32, merged: usize): i32 {
  let to = merged;
  let most = greatest;
  let next = nextStraggler;
  let straggler = stragglers + <usize>next * STRAGGLER;
  for (let index = 0; index < count; index++) {
    const value = load<f64>(values + (<usize>index << 3));
    if (value < most) continue;
    most = value;
    while (next < stragglerCount) {
      const late = load<f64>(straggler);
      if (late > value || (late == value && load<u32>(straggler + 8) > place + <u32>index)) break;
      store<u32>(to, load<u32>(straggler + 12));
      to += 4;
      straggler += STRAGGLER;
      next++;
    }
    store<u32>(to, load<u32>(rows + (<usize>index << 2)));
    to += 4;
  }
  greatest = most;
  nextStraggler = next;
  return <i32>((to - merged) >> 2);
}

/** The stragglers that come after all others. */
export function restOfStragglers(merged: usize): i32 {
  const rest = stragglerCount - nextStraggler;
  for (let index = 0; index < rest; index++) {
    const straggler = stragglers + <usize>(nextStraggler + index) * STRAGGLER;
    store<u32>(merged + (<usize>index << 2), load<u32>(straggler + 12));
  }
  return rest;
}

const NO_NUMBER: u32 = 0xffffffff;

/**
 * Writes over each code its number in `table` (one a code below `entries`); a code without one gets the next from `next`
 * on, and is added to `met`. Gives how many were added, −1 where a code is not below `entries`.
 */
export function renumberCodes(codes: usize, count: i32, table: usize, entries: u32, next: u32, met: usize): i32 {
  let added: u32 = 0;
  for (let index = 0; index < count; index++) {
    const at = codes + (<usize>index << 2);
    const code = load<u32>(at);
    if (code >= entries) return -1;
    const slot = table + (<usize>code << 2);
    let number = load<u32>(slot);
    if (number == NO_NUMBER) {
      number = next + added;
      store<u32>(slot, number);
      store<u32>(met + (<usize>added << 2), code);
      added++;
    }
    store<u32>(at, number);
  }
  return <i32>added;
}

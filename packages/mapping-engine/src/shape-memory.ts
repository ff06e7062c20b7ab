import { type Destination, type LineShape, learnShape } from './line-shape.js';
import { applyRule, isRefusal } from './rule.js';

/** Shapes tried before a line counts as unusual. */
const MOST_SHAPES = 16;
/** Lines of one source that may teach a shape: a source of ever new shapes costs no more than this. */
const MOST_LESSONS = 64;

/** The line shapes met so far, the one that fitted last first. */
export interface ShapeMemory {
  readonly shapes: readonly LineShape[];
  /** Moves the shape at `index` to the front. */
  readonly promote: (index: number) => void;
  /** Learns the shape of a line that no known shape fitted and that the interpreter found to be a record. */
  readonly learn: (line: Uint8Array) => void;
  /** A new source may teach again. */
  readonly startSource: () => void;
}

export function createShapeMemory(destinations: ReadonlyMap<string, readonly Destination[]>): ShapeMemory {
  const shapes: LineShape[] = [];
  let lessons = 0;
  const promote = (index: number): void => {
    const [shape] = shapes.splice(index, 1);
    if (shape !== undefined) shapes.unshift(shape);
  };
  return {
    shapes,
    promote,
    learn: (line) => {
      if (lessons >= MOST_LESSONS) return;
      lessons += 1;
      const shape = learnShape(line, destinations);
      // A known shape did not fit because of its values; learning it again would not help.
      if (shape === undefined || shapes.some((known) => known.signature === shape.signature)) return;
      // Every line of a shape that lacks a required field is refused, with the interpreter's words.
      if (
        shape.absent.some(({ rule }) =>
          isRefusal(applyRule(rule, undefined, { inexactDecimals: 0, decimalOverflows: 0 })),
        )
      )
        return;
      shapes.unshift(shape);
      if (shapes.length > MOST_SHAPES) shapes.pop();
    },
    startSource: () => {
      lessons = 0;
    },
  };
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hanging, wrapWords } from './text-table.js';

describe('sentences in a terminal', () => {
  it('break between words, keep the indent of their line, and count colours as nothing', () => {
    const red = '\u001b[31merror:\u001b[39m';
    expect(wrapWords(`${red} one two three\n  four five six seven`, 14)).toBe(
      `${red} one two\nthree\n  four five\n  six seven`,
    );
    expect(wrapWords('as long as it is', 16)).toBe('as long as it is');
    expect(wrapWords('/a/path/that/is/wider next', 10)).toBe('/a/path/that/is/wider\nnext');
    // What takes a drawing away is no part of the line's width.
    expect(wrapWords(`\u001b[12A\r\u001b[J${'█'.repeat(8)} 1 %`, 12)).toBe(`\u001b[12A\r\u001b[J${'█'.repeat(8)} 1 %`);
  });

  it('never lose or change a word, and no line is wider than the terminal unless one word is', () => {
    const words = fc.array(fc.stringMatching(/^[a-z.,:/]{1,14}$/), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(words, fc.integer({ min: 10, max: 60 }), fc.nat(6), (list, width, indent) => {
        const text = ' '.repeat(indent) + list.join(' ');
        const wrapped = wrapWords(text, width);
        expect(wrapped.split(/\s+/).filter((word) => word !== '')).toEqual(list);
        for (const line of wrapped.split('\n')) if (line.length > width) expect(line.trim()).not.toContain(' ');
      }),
    );
  });

  it('after a column: further lines begin below the first; a pipe gets one line', () => {
    const text = 'the clock is behind the exchange';
    expect(hanging(text, 5, { isTerminal: true, columns: 26 })).toBe('the clock is behind\n     the exchange');
    expect(hanging(text, 5, { isTerminal: false, columns: 26 })).toBe(text);
  });
});

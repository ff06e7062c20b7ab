import { checkKey, StoreError } from '@schemahub/object-store';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLayout, decodeSegment, encodeSegment, hash128, padNumber } from './index.js';

/** Anything a catalogue, a flag or an attacker may call a product: any UTF-16 at all, dots, slashes, long names. */
const anyText = fc.oneof(
  fc.array(fc.nat(0xffff), { maxLength: 40 }).map((units) => String.fromCharCode(...units)),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc
    .array(fc.constantFrom('.', '..', '/', '\\', '%', '~', '%2F', '\0', '\n', 'A', '\ud800', ' ', ':', '-'), {
      maxLength: 12,
    })
    .map((parts) => parts.join('')),
  fc.integer({ min: 195, max: 310 }).map((length) => 'A'.repeat(length)),
);
const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text);
const isCut = (segment: string): boolean => segment.includes('~');

describe('a key segment', () => {
  it('is one safe name of at most 200 bytes, whatever the text, and reads back unless it was cut', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const segment = encodeSegment(text);
        expect(segment).toMatch(/^[A-Za-z0-9\-_%~][A-Za-z0-9\-_.%~]*$/);
        expect(segment.length).toBeLessThanOrEqual(200);
        expect(checkKey(segment)).toBe(segment);
        expect(decodeSegment(segment)).toBe(isCut(segment) ? undefined : text);
        if (text !== '' && text.length <= 22 && isWellFormed(text)) expect(isCut(segment)).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  it('is shared by no two texts', () => {
    fc.assert(
      fc.property(anyText, anyText, (a, b) => {
        expect(encodeSegment(a) === encodeSegment(b)).toBe(a === b);
      }),
      { numRuns: 2000 },
    );
    const long = 'x'.repeat(400);
    const names = [
      '',
      '~',
      '%7E',
      '\ud800',
      '\ud801',
      '\ufffd',
      long,
      `${long}y`,
      encodeSegment(long),
      '%2E',
      '.',
      '..',
    ];
    expect(new Set(names.map(encodeSegment)).size).toBe(names.length);
  });

  it('has the documented form', () => {
    expect(encodeSegment('BTC-USD')).toBe('BTC-USD');
    expect(encodeSegment('../a:b/ö')).toBe('%2E.%2Fa%3Ab%2F%C3%B6');
    expect(encodeSegment('a'.repeat(200))).toBe('a'.repeat(200));
    expect(encodeSegment('a'.repeat(201))).toBe(`${'a'.repeat(167)}~${hash128('a'.repeat(201))}`);
    // The cut does not leave half of a percent code before the hash.
    expect(encodeSegment(`${'a'.repeat(166)}${'ö'.repeat(20)}`)).toMatch(/^a{166}~[0-9a-f]{32}$/);
  });

  it('of somebody else is not read', () => {
    for (const segment of ['%', '%zz', 'a b', 'BTC%2dUSD', 'ö', `${'a'.repeat(10)}~${'0'.repeat(32)}`, '.hidden']) {
      expect(decodeSegment(segment), segment).toBeUndefined();
    }
  });
});

describe('a layout', () => {
  it('keeps every key below its folder, whatever exchange, product and lock are called', () => {
    const layout = createLayout();
    fc.assert(
      fc.property(anyText, anyText, (exchange, product) => {
        const folders = [
          layout.raw(exchange, product),
          layout.evidence(exchange, product),
          layout.fileLists(exchange, product),
          layout.quarantine(exchange, product),
          layout.data({ version: 3, exchange, symbol: product, month: '2026-01' }),
        ];
        for (const folder of folders) expect(checkKey(`${folder}x`)).toBe(`${folder}x`);
        for (const key of [
          layout.checkpoint(exchange, product),
          layout.lock(product),
          layout.seek(exchange, product, exchange, 1),
        ])
          expect(checkKey(key)).toBe(key);
        expect(layout.raw(exchange, product).split('/').length).toBe(3);
      }),
      { numRuns: 300 },
    );
  });

  it('is that of SPEC 3.3, and prefixes override parts of it', () => {
    const layout = createLayout();
    expect(layout.raw('coinbase', 'BTC-USD')).toBe('raw_coinbase_trades/BTC-USD/');
    expect(layout.evidence('coinbase', 'BTC-USD')).toBe('coverage_coinbase/BTC-USD/');
    expect(layout.commit(7)).toBe('unified_trades/commits/00000000000000000007.json');
    expect(layout.fileLists('coinbase', 'BTC-USD')).toBe('unified_trades/files/coinbase/BTC-USD/');
    expect(layout.data({ version: 2, exchange: 'COINBASE', symbol: 'BTC-USD', month: '2025-12' })).toBe(
      'unified_trades/v2/exchange=COINBASE/symbol=BTC-USD/month=2025-12/',
    );
    expect(layout.checkpoint('coinbase', 'BTC-USD')).toBe('checkpoints/coinbase/BTC-USD.json');
    expect(layout.certificate(7)).toBe('certificates/00000000000000000007.json');
    expect(layout.lock('product:coinbase:BTC-USD')).toBe('locks/product%3Acoinbase%3ABTC-USD.json');
    const moved = createLayout({ rawPrefix: '/old/raw/', unifiedPrefix: 'u' });
    expect(moved.raw('coinbase', 'X')).toBe('old/raw/X/');
    expect(moved.commitPointer).toBe('u/metadata/latest-commit.json');
  });

  it('refuses prefixes that leave the store', () => {
    for (const prefix of ['', '/', '..', 'a/../../b', 'a//b', 'a b', 'ö', '.schemahub/x', 'a\\b']) {
      expect(() => createLayout({ rawPrefix: prefix }), prefix).toThrow(StoreError);
      expect(() => createLayout({ unifiedPrefix: prefix }), prefix).toThrow(StoreError);
    }
  });

  it('sorts numbers as numbers', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (a, b) => {
        expect(padNumber(a).length).toBe(20);
        expect(Math.sign(a - b)).toBe(padNumber(a) < padNumber(b) ? -1 : padNumber(a) > padNumber(b) ? 1 : 0);
      }),
    );
  });
});

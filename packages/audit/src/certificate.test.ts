import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { account, RangeSet } from '@schemahub/coverage';
import { createLayout, foldEvidence, type RawName, type VoidRun } from '@schemahub/lake';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AuditProduct,
  type AuditTable,
  type Certificate,
  certificateSchema,
  certify,
  parseCertificate,
  replaces,
} from './index.js';

const TIME = '2026-11-21T12:00:00.000Z';
const NOW = Date.parse(TIME);
const HEAD = 60;
const layout = createLayout();

/** Random facts of one product: what is in raw, in the table, refused, and attested. */
interface World {
  readonly raw: RangeSet;
  readonly present: RangeSet;
  readonly quarantined: RangeSet;
  readonly voids: readonly VoidRun[];
  readonly asked: RangeSet;
}

const ids: fc.Arbitrary<RangeSet> = fc
  .uniqueArray(fc.integer({ min: 0, max: HEAD }), { maxLength: 50 })
  .map(RangeSet.fromIds);

function runOf(first: number, last: number, proves: boolean): VoidRun {
  const [lower, upper] = [first - 1, last + 1];
  const probe = (date: string, fresh: boolean) => ({
    request: `after=${upper + 1}`,
    ids: [upper, lower],
    date,
    fresh_connection: fresh,
  });
  return {
    first,
    last,
    lower,
    upper,
    probes: [probe(TIME, true), probe(proves ? '2026-11-21T12:00:05.000Z' : TIME, false)],
  };
}

const world: fc.Arbitrary<World> = fc
  .record({
    raw: ids,
    present: ids,
    quarantined: ids,
    asked: ids,
    voids: fc.array(fc.tuple(fc.integer({ min: 1, max: HEAD - 8 }), fc.integer({ min: 0, max: 6 }), fc.boolean()), {
      maxLength: 6,
    }),
  })
  .map(({ voids, ...sets }) => ({
    ...sets,
    voids: voids.map(([first, more, proves]) => runOf(first, first + more, proves)),
  }));

function namesOf(raw: RangeSet): RawName[] {
  return [...raw].map(({ first, last }) => ({
    key: `${layout.raw('coinbase', 'BTC-USD')}${String(first).padStart(20, '0')}-${String(last).padStart(20, '0')}_${last - first + 1}_${'0'.repeat(32)}.jsonl.gz`,
    first,
    last,
    count: last - first + 1,
    hash: '0'.repeat(32),
    revision: 1,
  }));
}

function auditOf({ raw, present, quarantined, voids, asked }: World): { table: AuditTable; products: AuditProduct[] } {
  const evidence = foldEvidence('coinbase', 'BTC-USD', [
    {
      version: 1,
      exchange: 'coinbase',
      product_id: 'BTC-USD',
      time: TIME,
      asked: asked.toString(),
      head: { id: HEAD, seen_at: TIME },
      void: voids,
    },
  ]);
  const file = {
    path: 'unified_trades/v1/a.parquet',
    rows: present.count,
    bytes: 1,
    sha256: 'a'.repeat(64),
    ids: present,
    month: '2026-11',
    block: 0,
    minTs: 0,
    maxTs: 0,
    rawDigest: '',
    writer: '1',
    columns: [],
  };
  const files = present.isEmpty ? [] : [file];
  return {
    table: {
      number: 1,
      sha256: 'b'.repeat(64),
      commit: undefined,
      lists: [{ exchange: 'coinbase', productId: 'BTC-USD', symbol: 'BTC-USD', files, present, quarantined }],
      objects: new Map(files.map(({ path, bytes }) => [path, bytes])),
      findings: [],
      previous: undefined,
    },
    products: [
      {
        exchange: 'coinbase',
        productId: 'BTC-USD',
        evidence,
        voidKeys: new Map(),
        rawNames: namesOf(raw),
        rawIds: raw,
        checkpoint: undefined,
        proof: 'id-contiguous',
        unsettled: RangeSet.empty,
        unnumbered: 0,
        findings: [],
      },
    ],
  };
}

/** The same product, closed by its exchange. */
function closedAudit(head: string | undefined): Certificate {
  const audit = auditOf({
    raw: RangeSet.of(1, 5),
    present: RangeSet.of(1, 5),
    quarantined: RangeSet.empty,
    voids: [],
    asked: RangeSet.of(1, 5),
  });
  const [product] = audit.products;
  const evidence = {
    ...product!.evidence,
    head: head === undefined ? undefined : { id: 5, seenAt: head },
    closed: { status: 'delisted', seenAt: TIME },
  };
  return certify({ ...audit, products: [{ ...product!, evidence }], now: NOW });
}

const certificateOf = (facts: World): Certificate => certify({ ...auditOf(facts), now: NOW });
const schemaPath = fileURLToPath(new URL('../certificate.schema.json', import.meta.url));
const validate = new Ajv({ strict: true }).compile(JSON.parse(readFileSync(schemaPath, 'utf8')) as object);

/** Ids 5-9 are held and asked for from 1 on; the floor is 5, by these answers below it. */
function certificateWithFloor(dates: readonly string[]): Certificate {
  const held = RangeSet.of(5, 9);
  const sets = { raw: held, present: held, quarantined: RangeSet.empty, voids: [], asked: RangeSet.of(1, 9) };
  const audit = auditOf(sets);
  const [product] = audit.products;
  const floorRequests = dates.map((date) => ({ request: 'after=5&limit=2', ids: [], date }));
  const evidence = { ...product!.evidence, floor: 5, floorRequests, head: { id: 9, seenAt: TIME } };
  return certify({ ...audit, products: [{ ...product!, evidence }], now: NOW });
}

describe('certify', () => {
  it('does not claim what lies below a floor that is proven, and misses it where it is not', () => {
    const [proven] = certificateWithFloor([TIME, '2026-11-21T12:00:05.000Z']).products;
    expect([proven?.floor?.id, proven?.wanted.ids, proven?.verdict]).toEqual([5, '5-9', 'complete']);
    const document = certificateWithFloor([TIME, '2026-11-21T12:00:04.000Z']);
    const [unproven] = document.products;
    expect([unproven?.floor, unproven?.wanted.ids, unproven?.account.missing.ids]).toEqual([null, '1-9', '1-4']);
    expect(document.findings.map(({ code }) => code)).toContain('floor-not-proven');
  });

  it.each([
    ['2026-11-20T09:00:00.000Z', '2026-11-20T09:00:00.000Z'],
    [undefined, TIME],
  ])('says of a closed product after when nothing is known: head seen %s', (head, until) => {
    const [product] = closedAudit(head).products;
    expect(product?.closed).toEqual({ status: 'delisted', seen_at: TIME, note: `nothing is known after ${until}` });
    expect(product?.verdict).toBe('complete');
  });

  it('accounts for every wanted id exactly once, and excuses none without proof', () => {
    fc.assert(
      fc.property(world, (facts) => {
        const [product] = certificateOf(facts).products;
        const parts = Object.values(product!.account).map((part) => RangeSet.parse(part.ids));
        const wanted = facts.asked.clip(0, HEAD);
        expect(parts.reduce((sum, part) => sum + part.count, 0)).toBe(wanted.count);
        expect(parts.reduce((all, part) => all.union(part), RangeSet.empty).equals(wanted)).toBe(true);
        // The same, from the definition: void is what lies between held neighbours with two answers 5 s apart.
        const held = facts.raw.union(facts.present);
        const proven = facts.voids.filter(
          ({ lower, upper, probes }) => probes[1]!.date !== TIME && held.contains(lower) && held.contains(upper),
        );
        const expected = account({
          wanted,
          present: facts.present,
          raw: facts.raw,
          quarantined: facts.quarantined.intersect(facts.raw),
          void: RangeSet.fromRanges(proven),
        });
        expect(product!.account.missing.ids).toBe(expected.missing.toString());
        expect(product!.account.void.ids).toBe(expected.void.toString());
      }),
      { numRuns: 300 },
    );
  });

  it('gives a document that its schema and its parser accept, the same every time', () => {
    fc.assert(
      fc.property(world, (facts) => {
        const certificate = certificateOf(facts);
        const document = JSON.parse(JSON.stringify(certificate)) as unknown;
        expect(validate(document)).toBe(true);
        expect(parseCertificate(document)).toEqual(certificate);
        expect(JSON.stringify(certificateOf(facts))).toBe(JSON.stringify(certificate));
      }),
    );
  });
});

describe('the schema', () => {
  it('is published as it is in the code', () => {
    expect(JSON.parse(readFileSync(schemaPath, 'utf8'))).toEqual(JSON.parse(JSON.stringify(certificateSchema)));
  });

  it('refuses what the parser refuses for its form', () => {
    const good = certificateOf({
      raw: RangeSet.parse('1-5,9-20'),
      present: RangeSet.parse('1-5'),
      quarantined: RangeSet.empty,
      asked: RangeSet.parse('1-'),
      voids: [runOf(6, 8, true)],
    });
    type Members = Record<string, unknown>;
    const paths: (string | number)[][] = [];
    const walk = (value: unknown, path: (string | number)[]): void => {
      if (path.length > 0) paths.push(path);
      if (Array.isArray(value)) value.forEach((item, at) => void walk(item, [...path, at]));
      else if (typeof value === 'object' && value !== null)
        for (const [name, item] of Object.entries(value)) walk(item, [...path, name]);
    };
    walk(good, []);
    const edit = (path: (string | number)[], change: (holder: Members, name: string) => void): unknown => {
      const copy = JSON.parse(JSON.stringify(good)) as Members;
      const holder = path.slice(0, -1).reduce<Members>((at, name) => at[name] as Members, copy);
      change(holder, String(path.at(-1)));
      return copy;
    };
    for (const path of paths) {
      for (const change of [
        (holder: Members, name: string) =>
          void (Array.isArray(holder) ? holder.splice(Number(name), 1, undefined) : delete holder[name]),
        (holder: Members, name: string) => Object.assign(holder, { [name]: Array.isArray(holder[name]) ? 'x' : [] }),
        (holder: Members, name: string) => Object.assign(holder, { [name]: -1.5 }),
      ]) {
        const bad = JSON.parse(JSON.stringify(edit(path, change))) as unknown;
        const isForm = validate(bad) === false;
        // What the schema refuses the parser refuses; the parser also refuses what contradicts itself.
        if (isForm) expect(() => parseCertificate(bad)).toThrow(/^certificate: /);
      }
      expect(validate(edit(path, (holder) => Array.isArray(holder) || Object.assign(holder, { extra: 1 })))).toBe(
        path.length > 1 && typeof path.at(-1) === 'number',
      );
    }
    expect(paths.length).toBeGreaterThan(100);
  });
});

describe('parseCertificate', () => {
  const good = certificateOf({
    raw: RangeSet.parse('1-5,9-20'),
    present: RangeSet.parse('1-5'),
    quarantined: RangeSet.parse('20'),
    asked: RangeSet.parse('1-30'),
    voids: [runOf(6, 8, true)],
  });
  const edited = (change: (product: Certificate['products'][number]) => object): unknown => ({
    ...good,
    products: good.products.map((product) => ({ ...product, ...change(product) })),
  });

  it.each([
    [
      'an account that leaves ids out',
      (p: Certificate['products'][number]) => ({ account: { ...p.account, missing: { count: 0, ids: '' } } }),
      /not exactly the wanted/,
    ],
    [
      'an id in two parts',
      (p: Certificate['products'][number]) => ({ account: { ...p.account, raw_only: { count: 12, ids: '5,9-19' } } }),
      /two parts/,
    ],
    [
      'a count that is not that of its ids',
      (p: Certificate['products'][number]) => ({ wanted: { ...p.wanted, count: 3 } }),
      /count is 3/,
    ],
    ['voids without a run', () => ({ void_runs: [] }), /no run attests 6-8/],
    [
      'a run with one answer',
      (p: Certificate['products'][number]) => ({
        void_runs: p.void_runs.map((run) => ({ ...run, probes: run.probes.slice(1) })),
      }),
      /1 answers/,
    ],
    ['more wanted than asked', () => ({ asked: '1-29' }), /not what was asked/],
    ['a verdict that does not follow', () => ({ verdict: 'complete' }), /does not follow/],
    ['a floor without proof', () => ({ floor: { id: 1, requests: [] } }), /not both empty/],
    [
      'rows that no file lists',
      (p: Certificate['products'][number]) => ({ table: { ...p.table, files: [] } }),
      /no file holds/,
    ],
  ])('refuses %s', (_what, change, problem) => {
    expect(() => parseCertificate(good)).not.toThrow();
    expect(() => parseCertificate(edited(change))).toThrow(problem);
  });
});

describe('replaces', () => {
  const names = certificateOf({
    raw: RangeSet.of(1, 5),
    present: RangeSet.of(1, 5),
    quarantined: RangeSet.empty,
    asked: RangeSet.of(1, 5),
    voids: [],
  });
  const deep: Certificate = { ...names, depth: 'deep' };
  const later = (certificate: Certificate): Certificate => ({
    ...certificate,
    verified_at: '2026-12-01T00:00:00.000Z',
  });

  it('keeps the stored bytes while nothing but the time changed, and a deep look over a lighter one', () => {
    expect(replaces(names, undefined)).toBe(true);
    expect(replaces(later(names), names)).toBe(false);
    expect(replaces(later(deep), deep)).toBe(false);
    expect(replaces(later(names), deep)).toBe(false);
    expect(replaces(later(deep), names)).toBe(true);
    expect(replaces({ ...later(names), verdict: 'damaged' }, deep)).toBe(true);
  });

  it('never replaces the certificate of another body of the same commit', () => {
    expect(replaces({ ...names, commit: { number: 1, sha256: 'c'.repeat(64), time: null } }, names)).toBe(false);
  });
});

import { tradesUnifiedWithDecimals } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import { writeEvidence } from '@schemahub/lake';
import { describe, expect, it } from 'vitest';
import { type Certificate, exitCodeOf, findYoungHoles, parseCertificate } from './index.js';
import { type Bench, createBench, editList, editText, flipByte, interpret, readId } from './testing/bench.js';

const SOL = 'SOL-USD';
const END = '2026-11-21T11:00:00Z';
/** Voids 400, 900-902; 2,500 ids over three months, in objects of 1,000 trades. */
const product = { id: SOL, trades: 2500, voids: [400, { first: 900, last: 902 }], endTime: END, ratePerSecond: 0.0005 };

async function filled(): Promise<Bench> {
  const bench = await createBench([product]);
  await bench.ingest('backfill', [SOL], 1000);
  await bench.transform();
  return bench;
}

interface Probe {
  readonly ids: number[];
  readonly date: string;
  readonly fresh_connection?: boolean;
}

function damageOf({ findings }: Certificate): { code: string; key: string | null; message: string }[] {
  return findings.filter(({ severity }) => severity === 'damage');
}

/** The codes that a verification found, and the objects that it named. */
function found(certificate: Certificate): string[] {
  return damageOf(certificate).map(({ code, key }) => `${code} ${key}`);
}

async function expectDamage(bench: Bench, expected: string[], deep = false): Promise<Certificate> {
  const certificate = parseCertificate(JSON.parse(JSON.stringify(await bench.verify({ deep }))));
  expect(exitCodeOf(certificate)).toBe(4);
  expect([...new Set(found(certificate))]).toEqual(expected);
  return certificate;
}

describe('an untouched lake', () => {
  it('is proven, by names and by every byte', async () => {
    const bench = await filled();
    for (const deep of [false, true]) {
      const certificate = await bench.verify({ deep });
      expect(certificate.findings).toEqual([]);
      expect([certificate.verdict, certificate.depth]).toEqual(['complete', deep ? 'deep' : 'names']);
      const [own] = certificate.products;
      expect([own!.wanted.ids, own!.account.void.ids, own!.account.missing.ids]).toEqual(['1-2500', '400,900-902', '']);
      expect(parseCertificate(JSON.parse(JSON.stringify(certificate)))).toEqual(certificate);
    }
  });

  it('is incomplete before transform and after new raw, and names how', async () => {
    const bench = await createBench([product]);
    await bench.ingest('backfill', [SOL]);
    const before = await bench.verify();
    expect([before.verdict, exitCodeOf(before), before.commit]).toEqual(['incomplete', 3, null]);
    expect(before.products[0]!.account.raw_only.count).toBe(2496);
    await bench.transform();
    expect((await bench.verify()).verdict).toBe('complete');
    bench.sim.control.addTrades(SOL, 10);
    await bench.ingest('ingest', [SOL]);
    expect((await bench.verify()).products[0]!.account.raw_only.ids).toBe('2501-2510');
    await bench.transform();
    expect((await bench.verify({ deep: true })).verdict).toBe('complete');
  });

  it('compares ingest times in canonical cells only', async () => {
    const bench = await filled();
    // The same trades again, landed later: earlier rows stay, their cells are no longer canonical.
    const [key] = await bench.keys(bench.layout.raw('coinbase', SOL));
    await bench.store.putIfAbsent(
      key!.replace('.jsonl.gz', '.r2.jsonl.gz'),
      editText((text) => text.replaceAll('"_source_ingest_ts":"2026', '"_source_ingest_ts":"2025'))(
        Buffer.from((await bench.store.get(key!))!.bytes),
      ),
    );
    expect(damageOf(await bench.verify({ deep: true }))).toEqual([]);
  });
});

describe('raw objects', () => {
  it('a flipped byte is found by --deep, in the packed bytes and in the text', async () => {
    for (const change of [flipByte(60), editText((text) => text.replace('"size":"', '"size":"1'))]) {
      const bench = await filled();
      const [key] = await bench.keys(bench.layout.raw('coinbase', SOL));
      await bench.replace(key!, change);
      const certificate = await expectDamage(bench, [`damaged-raw ${key}`], true);
      expect(certificate.totals.in_table).toBe(2496);
    }
  });

  it('a missing object is named when a certificate saw it, and its rows without one', async () => {
    const bench = await filled();
    const [, key] = await bench.keys(bench.layout.raw('coinbase', SOL));
    const files = (await bench.keys('unified_trades/v1/')).map((path) => path);
    const saved = (await bench.store.get(key!))!;
    await bench.remove(key!);
    const blind = await bench.verify();
    expect(exitCodeOf(blind)).toBe(4);
    const rows = damageOf(blind).filter(({ code }) => code === 'row-without-raw');
    expect(rows.every(({ key: path }) => files.includes(path!))).toBe(true);
    expect(rows.length).toBeGreaterThan(0);
    await bench.store.putIfAbsent(key!, saved.bytes);
    await bench.verify({ keep: true });
    await bench.remove(key!);
    const named = await bench.verify({ keep: true });
    expect(found(named)).toContain(`missing-raw ${key}`);
    expect(found(await bench.verify())).toEqual(found(named)); // remembered, though that certificate no longer lists it
    await bench.store.putIfAbsent(key!, saved.bytes);
    expect(damageOf(await bench.verify())).toEqual([]);
  });

  it('a foreign object is told and harms nothing', async () => {
    const bench = await filled();
    const key = `${bench.layout.raw('coinbase', SOL)}notes.txt`;
    await bench.store.putIfAbsent(key, Buffer.from('hello'));
    const certificate = await bench.verify({ deep: true });
    expect(certificate.findings.map((finding) => [finding.code, finding.key])).toEqual([['foreign-object', key]]);
    expect(certificate.verdict).toBe('complete');
  });
});

describe('data files', () => {
  it('a flipped byte is found by --deep, a missing or shortened file at once', async () => {
    const bench = await filled();
    const [first, second] = await bench.keys('unified_trades/v1/');
    await bench.replace(first!, flipByte(40));
    expect((await bench.verify()).verdict).toBe('complete');
    await expectDamage(bench, [`damaged-parquet ${first}`], true);
    await bench.replace(first!, (bytes) => bytes.subarray(0, -1));
    await expectDamage(bench, [`damaged-parquet ${first}`]);
    await bench.remove(second!);
    const certificate = await expectDamage(bench, [`damaged-parquet ${first}`, `missing-parquet ${second}`]);
    expect(certificate.products[0]!.account.raw_only.count).toBeGreaterThan(0);
    expect(certificate.totals.missing).toBe(0);
  });

  it.each([
    ['row-missing', (rows: never[][]) => rows.toSpliced(5, 1), /id \d+ is listed for it/],
    ['row-twice', (rows: never[][]) => rows.toSpliced(5, 0, rows[4]!), /is in it twice/],
  ] as const)('%s: a row removed or doubled, hashes made to fit', async (code, change, text) => {
    const bench = await filled();
    const path = await bench.rewriteFile(SOL, (rows) => change(rows as never[][]));
    const certificate = await bench.verify({ deep: true });
    expect(found(certificate)).toContain(`${code} ${path}`);
    expect(damageOf(certificate).find((finding) => finding.code === code)!.message).toMatch(text);
    expect(exitCodeOf(certificate)).toBe(4);
  });

  it.each([
    ['price', 4, 1.5],
    ['quantity', 5, 2.5],
    ['side', 3, 'HOLD'],
    ['exchange', 0, 'KRAKEN'],
    ['ingest_ts', 7, 1_700_000_000_000_000],
  ] as const)('a changed %s is named with both values', async (column, index, value) => {
    const bench = await filled();
    let id: unknown;
    let old: unknown;
    const path = await bench.rewriteFile(SOL, (rows) => {
      id = rows[7]![2];
      old = rows[7]![index];
      rows[7]![index] = value;
      return rows;
    });
    const [finding, ...more] = damageOf(await bench.verify({ deep: true }));
    expect([finding?.code, finding?.key, more]).toEqual(['row-differs', path, []]);
    expect(finding?.message).toContain(`id ${id}: `);
    if (column !== 'ingest_ts')
      expect(finding?.message).toContain(
        `${column} is ${JSON.stringify(value)}, the raw record gives ${JSON.stringify(old)}`,
      );
  });

  it('a trade_ts moved within its place is found', async () => {
    const bench = await filled();
    await bench.rewriteFile(SOL, (rows) => {
      const at = rows.findIndex((row, i) => i > 5 && (rows[i + 1]![6] as number) - (row[6] as number) > 10);
      rows[at]![6] = (rows[at]![6] as number) + 1;
      return rows;
    });
    expect(damageOf(await bench.verify({ deep: true })).map(({ code }) => code)).toEqual(['row-differs']);
  });

  it('a changed price is found beside a changed ingest_ts', async () => {
    const bench = await filled();
    await bench.rewriteFile(SOL, (rows) => {
      rows[7] = rows[7]!.with(4, 1.5).with(7, 1_900_000_000_000_000);
      return rows;
    });
    const [finding] = damageOf(await bench.verify({ deep: true }));
    expect(finding?.message).toContain('price is 1.5, the raw record gives');
  });

  it('other bytes with the same rows are found by their hash', async () => {
    const bench = await filled();
    const path = await bench.rewriteFile(
      SOL,
      (rows) => rows,
      (file) => ({ ...file, sha256: 'f'.repeat(64) }),
    );
    await expectDamage(bench, [`damaged-parquet ${path}`], true);
  });

  it('rows of one instant in another order of ids are found', async () => {
    const bench = await filled();
    const path = await bench.rewriteFile(SOL, (rows) => {
      const at = rows.findIndex((row, i) => row[6] === rows[i + 1]?.[6]);
      expect(at).toBeGreaterThanOrEqual(0);
      return rows.with(at, rows[at + 1]!).with(at + 1, rows[at]!);
    });
    await expectDamage(bench, [`row-misplaced ${path}`], true);
  });

  it('rows in another order are found', async () => {
    const bench = await filled();
    const path = await bench.rewriteFile(SOL, (rows) => [rows[1]!, rows[0]!, ...rows.slice(2)]);
    await expectDamage(bench, [`row-misplaced ${path}`], true);
  });

  it('an added row is found, listed or not', async () => {
    for (const isListed of [false, true]) {
      const bench = await filled();
      const path = await bench.rewriteFile(
        SOL,
        (rows) =>
          [...rows, rows.at(-1)!.with(2, '400')].sort(
            (a, b) => Number(a[6]) - Number(b[6]) || Number(a[2]) - Number(b[2]),
          ),
        (file) => (isListed ? { ...file, rows: file.rows + 1, ids: file.ids.union(RangeSet.of(400)) } : file),
      );
      const certificate = await bench.verify({ deep: true });
      expect(found(certificate)).toContain(`row-without-raw ${path}`);
      if (!isListed) expect(found(certificate)).toContain(`row-unexpected ${path}`);
      expect(exitCodeOf(certificate)).toBe(4);
    }
  });
});

describe('commits and lists', () => {
  async function twoCommits(): Promise<Bench> {
    const bench = await filled();
    bench.sim.control.addTrades(SOL, 5);
    await bench.ingest('ingest', [SOL]);
    await bench.transform();
    return bench;
  }

  it('a missing commit is found in the middle and, by the pointer or a certificate, at the end', async () => {
    const bench = await twoCommits();
    await bench.remove(bench.layout.commit(1));
    await expectDamage(bench, [`missing-commit ${bench.layout.commit(1)}`]);
    const last = await twoCommits();
    await last.remove(last.layout.commit(2));
    expect(found(await last.verify())).toEqual([`missing-commit ${last.layout.commit(2)}`]);
    const certified = await twoCommits();
    await certified.verify({ keep: true });
    await certified.remove(certified.layout.commit(2));
    await certified.remove(certified.layout.commitPointer);
    expect(found(await certified.verify())).toContain(`missing-commit ${certified.layout.commit(2)}`);
  });

  it('an edited commit is found by its child, by its certificate, or by its own sums', async () => {
    const bench = await twoCommits();
    await bench.replace(bench.layout.commit(1), (bytes) => Buffer.from(bytes.toString().replace('run-0', 'run-9')));
    await expectDamage(bench, [`broken-chain ${bench.layout.commit(1)}`]);
    const head = await filled();
    await head.verify({ keep: true });
    await head.editHead((body) => ({ ...body, run_id: 'other' }));
    await expectDamage(head, [`edited-commit ${head.layout.commit(1)}`]);
    const sums = await filled();
    await sums.editHead((body) => ({
      ...body,
      products: body.products.map((one) => ({ ...one, rows: one.rows - 1 })),
    }));
    expect(found(await sums.verify()).map((text) => text.split(' ')[0])).toEqual(['commit-differs']);
    const broken = await filled();
    await broken.replace(broken.layout.commit(1), flipByte(0));
    expect(found(await broken.verify())).toEqual([`damaged-commit ${broken.layout.commit(1)}`]);
  });

  it('an edited, missing or contradicting file list is found', async () => {
    const bench = await filled();
    const [list] = await bench.keys('unified_trades/files/');
    await bench.replace(
      list!,
      editText((text) => text.replace('"rows":', '"rows":1')),
    );
    await expectDamage(bench, [`damaged-file-list ${list}`]);
    await bench.remove(list!);
    await expectDamage(bench, [`missing-file-list ${list}`]);
    const claimed = await filled();
    await editList(claimed, SOL, (old) => ({ ...old, present: old.present.union(RangeSet.of(400)) }));
    expect(found(await claimed.verify()).map((text) => text.split(' ')[0])).toEqual(['file-list-differs']);
    const excused = await filled();
    await editList(excused, SOL, (old) => ({ ...old, quarantined: RangeSet.of(400) }));
    expect(found(await excused.verify()).map((text) => text.split(' ')[0])).toEqual(['quarantine-without-raw']);
  });

  it('a quarantined id is excused only while the mapping refuses its record', async () => {
    const bench = await filled();
    await bench.rewriteFile(
      SOL,
      (rows) => rows.slice(1),
      (file) => ({ ...file, rows: file.rows - 1, ids: file.ids.difference(RangeSet.of(1)) }),
    );
    await editList(bench, SOL, (old) => ({ ...old, quarantined: RangeSet.of(1) }));
    const light = await bench.verify();
    expect(light.products[0]!.account.quarantined.ids).toBe('1');
    expect(found(await bench.verify({ deep: true })).map((text) => text.split(' ')[0])).toContain('quarantine-differs');
  });
});

describe('evidence and checkpoints', () => {
  const proves = async (bench: Bench): Promise<string> => {
    for (const key of await bench.keys(bench.layout.evidence('coinbase', SOL)))
      if (Buffer.from((await bench.store.get(key))!.bytes).includes('"void"')) return key;
    throw new Error('no evidence of a void');
  };

  it('edited evidence is found by its name, and its voids count as missing', async () => {
    const bench = await filled();
    const key = await proves(bench);
    await bench.replace(key, (bytes) => Buffer.from(bytes.toString().replace('"first": 900', '"first": 900 ')));
    const certificate = await bench.verify();
    expect(found(certificate)).toContain(`edited-evidence ${key}`);
    expect(certificate.products[0]!.account.missing.ids).toBe('400,900-902');
    await bench.replace(key, flipByte(0));
    expect(found(await bench.verify())).toContain(`damaged-evidence ${key}`);
  });

  it('evidence that proves nothing leaves its ids missing', async () => {
    const changes: ((probes: Probe[]) => Probe[])[] = [
      ([one]) => [one!],
      ([one, two]) => [one!, { ...two!, ids: [...two!.ids, 7] }],
      ([one, two]) => [{ ...one!, fresh_connection: false }, two!],
      ([one, two]) => [one!, { ...two!, date: one!.date }],
    ];
    for (const change of changes) {
      const bench = await filled();
      const key = await proves(bench);
      const evidence = JSON.parse(Buffer.from((await bench.store.get(key))!.bytes).toString()) as {
        void: { first: number; probes: Probe[] }[];
      };
      const run = evidence.void.find(({ first }) => first === 900)!;
      run.probes = change(run.probes);
      await bench.remove(key);
      const again = await writeEvidence(bench.store, bench.layout, evidence as never);
      const certificate = await expectDamage(bench, [`void-not-proven ${again}`]);
      expect(certificate.products[0]!.account.missing.ids).toBe('900-902');
    }
  });

  it('a void attested while the trade above it was young is found by --deep', async () => {
    const bench = await filled();
    const key = await proves(bench);
    const evidence = JSON.parse(Buffer.from((await bench.store.get(key))!.bytes).toString()) as {
      void: { first: number; probes: Probe[] }[];
    };
    const run = evidence.void.find(({ first }) => first === 900)!;
    run.probes = run.probes.map((probe, at) => ({ ...probe, date: `2020-01-01T00:00:0${5 * at}.000Z` }));
    await bench.remove(key);
    await writeEvidence(bench.store, bench.layout, evidence as never);
    expect((await bench.verify()).verdict).toBe('complete');
    const [finding, ...more] = damageOf(await bench.verify({ deep: true }));
    expect([finding?.code, more]).toEqual(['young-void', []]);
    expect(finding?.message).toContain('void run 900-902');
  });

  it('a hole below a trade younger than ten minutes is named as unsettled', async () => {
    const bench = await createBench([product]);
    await bench.ingest('backfill', [SOL]);
    await bench.remove(await proves(bench));
    const [upper] = bench.sim.control.tradesOf(SOL, { first: 903, last: 903 });
    const { table, products } = await bench.gather();
    const options = { store: bench.store, table, product: products[0]!, readId, schema: tradesUnifiedWithDecimals };
    const unsettledAfter = async (ageMs: number): Promise<string> => {
      const now = Date.parse(upper!.time) + ageMs;
      return (await findYoungHoles({ ...options, loadInterpreter: async () => interpret, now })).toString();
    };
    expect((await bench.verify()).products[0]!.account.missing.ids).toBe('400,900-902');
    expect(await unsettledAfter(599_000)).toBe('900-902');
    expect(await unsettledAfter(600_001)).toBe('');
  });

  it('evidence that was removed is missed by the checkpoint and the account', async () => {
    const bench = await filled();
    await bench.remove(await proves(bench));
    const certificate = await bench.verify();
    expect(found(certificate).map((text) => text.split(' ')[0])).toEqual(['checkpoint-differs']);
    expect(certificate.totals.missing).toBe(4);
    for (const key of await bench.keys(bench.layout.evidence('coinbase', SOL))) await bench.remove(key);
    expect(found(await bench.verify()).map((text) => text.split(' ')[0])).toContain('missing-evidence');
  });

  it('a checkpoint that claims too much is found; one that lags is only told', async () => {
    const bench = await filled();
    const key = bench.layout.checkpoint('coinbase', SOL);
    const edit = (change: (text: string) => string): Promise<void> =>
      bench.replace(key, (bytes) => Buffer.from(change(bytes.toString())));
    for (const [from, to] of [
      ['"origin":"https://sim.test"', '"origin":"https://other.test"'],
      ['"floor":1', '"floor":2'],
      ['"epoch":0', '"epoch":1'],
    ] as const) {
      await edit((text) => text.replace(from, to));
      expect((await bench.verify()).findings.map(({ code }) => code)).toEqual(['checkpoint-differs']);
      await edit((text) => text.replace(to, from));
    }
    await edit((text) => text.replace('"void":"400,900-902"', '"void":"400,900-903"'));
    expect((await bench.verify()).findings.map(({ code }) => code)).toEqual(['checkpoint-differs']);
    await edit((text) => text.replace('"void":"400,900-903"', '"void":"400"'));
    const behind = await bench.verify();
    expect(behind.findings.map(({ code }) => code)).toEqual(['checkpoint-behind']);
    expect(behind.verdict).toBe('complete');
    await edit((text) => text.replace('"trades_processed":2496', '"trades_processed":2497'));
    expect((await bench.verify()).findings.map(({ code }) => code)).toEqual(['damaged-checkpoint']);
    await bench.remove(key);
    expect((await bench.verify()).findings).toEqual([]);
  });
});

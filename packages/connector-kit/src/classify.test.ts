import type { ExchangeCall, ExchangeReply } from '@schemahub/core';
import { describe, expect, it } from 'vitest';
import { bodyExcerpt, brokenExcerpt, classifyByStatus, isJsonReply, parseRetryAfter } from './classify.js';

const call: ExchangeCall = { url: 'https://venue.example/trades?x=1', cost: [], subject: 'BTC-USD' };
const json = 'application/json; charset=utf-8';

function reply(status: number, headers: Record<string, string>, body = ''): ExchangeReply {
  return { status, headers, body: Buffer.from(body), date: Date.parse('2026-09-27T00:00:00Z') };
}

describe('classifyByStatus', () => {
  it.each([
    [200, json, 'ok'],
    [206, 'application/problem+json', 'ok'],
    [200, 'text/html', 'transient body'],
    [200, '', 'transient body'],
    [302, 'text/html', 'transient server'],
    [400, json, 'request'],
    [400, 'text/html', 'transient server'],
    [401, 'text/html', 'forbidden'],
    [403, json, 'forbidden'],
    [403, 'text/html', 'transient server'],
    [404, json, 'product'],
    [404, 'text/html', 'transient server'],
    [408, json, 'transient timeout'],
    [410, json, 'product'],
    [429, 'text/html', 'rate'],
    [451, 'text/html', 'forbidden'],
    [500, json, 'transient server'],
    [520, 'text/html', 'transient server'],
    [599, '', 'transient server'],
  ])('%i %s is %s', (status, type, expected) => {
    const outcome = classifyByStatus({
      exchange: 'venue',
      reply: reply(status, type === '' ? {} : { 'content-type': type }),
      call,
    });
    expect(outcome.ok ? 'ok' : [outcome.error.kind, outcome.error.transient].filter(Boolean).join(' ')).toBe(expected);
  });

  it('blames a product only where the call is about one', () => {
    const outcome = classifyByStatus({
      exchange: 'venue',
      reply: reply(404, { 'content-type': json }),
      call: { url: call.url, cost: [] },
    });
    expect(outcome).toMatchObject({ ok: false, error: { kind: 'request' } });
  });

  it('says who, what, where, and what to do', () => {
    const outcome = classifyByStatus({
      exchange: 'venue',
      reply: reply(404, { 'content-type': json }, '{"message":"NotFound"}'),
      call,
    });
    expect(outcome).toMatchObject({
      error: {
        status: 404,
        url: call.url,
        message:
          'venue answered 404 "{"message":"NotFound"}" to /trades?x=1. The venue does not serve BTC-USD: check its id against the catalogue (update-seed).',
      },
    });
  });
});

describe('parseRetryAfter', () => {
  it.each([
    ['7', 7000],
    ['0.5', 500],
    ['Sun, 27 Sep 2026 00:01:00 GMT', 60_000],
    ['Sat, 26 Sep 2026 00:00:00 GMT', 0],
    ['soon', undefined],
    ['', undefined],
    ['-3', undefined],
  ])('reads %j', (text, expected) => {
    expect(parseRetryAfter(reply(429, { 'retry-after': text }))).toBe(expected);
  });

  it('reads no date against an unknown clock', () => {
    const { date: _date, ...undated } = reply(429, { 'retry-after': 'Sun, 27 Sep 2026 00:01:00 GMT' });
    expect(parseRetryAfter(undated)).toBeUndefined();
    expect(parseRetryAfter(reply(429, {}))).toBeUndefined();
  });
});

describe('the rest', () => {
  it('knows JSON by its content type alone', () => {
    const types = [
      'application/json',
      'Application/JSON;charset=utf-8',
      'application/hal+json',
      'text/html',
      'text/json-ish',
      'application/jsonp',
      '',
    ];
    expect(types.map((type) => isJsonReply(reply(200, { 'content-type': type })))).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });

  it('shows the start of a body as one clean line', () => {
    expect(bodyExcerpt(Buffer.from('<html>\r\n\u001b[31m  <b>x</b>\u0000'))).toBe('<html> [31m <b>x</b>');
    expect(bodyExcerpt(Buffer.from('x'.repeat(500)))).toHaveLength(160);
  });

  it.each([
    ['[{"trade_id":71999,"side":"buy","si', ''],
    ['{"code":"0","msg":"","data":[{"inst', ''],
    ['[\n  {"trade_id":1', ''],
    ['{"', ''],
    ['', ''],
    ['[]x', '[]x'],
    ['"hello"', '"hello"'],
    ['upstream timed out', 'upstream timed out'],
  ])('of a broken body %j is %j: rows that begin well say nothing', (body, excerpt) => {
    expect(brokenExcerpt(Buffer.from(body))).toBe(excerpt);
  });
});

import { createHmac } from 'node:crypto';
import { createManualClock } from '@schemahub/connector-kit/testing';
import type { ExchangeCall, ExchangePolicy, ExchangeReply, Outcome } from '@schemahub/core';
import { describe, expect, it } from 'vitest';
import { coinbasePolicy } from './index.js';

const call: ExchangeCall = {
  url: 'https://api.exchange.coinbase.com/products/BTC-USD/trades?after=1001&limit=1000',
  cost: [{ budget: 'requests', tokens: 1 }],
  subject: 'BTC-USD',
};
const json = 'application/json; charset=utf-8';
const html = '<!DOCTYPE html><html><title>Attention Required! | Cloudflare</title></html>';

function reply(status: number, body: string, type: string = json, headers: Record<string, string> = {}): ExchangeReply {
  return { status, headers: { 'content-type': type, ...headers }, body: Buffer.from(body) };
}

function judge(
  status: number,
  body: string,
  type: string = json,
  asked: ExchangeCall = call,
  policy: ExchangePolicy = coinbasePolicy(),
): string {
  const outcome: Outcome = policy.classify(reply(status, body, type), asked);
  return outcome.ok ? 'ok' : [outcome.error.kind, outcome.error.transient].filter(Boolean).join(' ');
}

function said(message: string): string {
  return JSON.stringify({ message });
}

describe('coinbasePolicy classifies', () => {
  it.each([
    ['a page', 200, '[]', 'ok'],
    ['a product that has a message', 200, '{"id":"BTC-USD","message":"x","status":"online"}', 'ok'],
    ['an unknown product', 404, said('NotFound'), 'product'],
    ['an old delisted product', 400, said('product_id is not a valid product'), 'product'],
    ['a bad cursor', 400, said('Invalid value for pagination after'), 'request'],
    ['a bad limit', 400, said('Invalid parameter range - limit'), 'request'],
    ['a bad key', 400, said('Invalid API Key'), 'forbidden'],
    ['a bad key', 401, said('Invalid API Key'), 'forbidden'],
    ['a bad signature', 401, said('invalid signature'), 'forbidden'],
    ['a late signature', 400, said('request timestamp expired'), 'forbidden'],
    ['forbidden', 403, said('Forbidden'), 'forbidden'],
    ['the public limit', 429, said('Public rate limit exceeded'), 'rate'],
    ['the private limit', 429, said('Private rate limit exceeded'), 'rate'],
    [
      'the old limit',
      403,
      said('Rate limit exceeded. For rate limit information see https://docs.gdax.com/#rate-limits'),
      'rate',
    ],
    ['the limit as a good reply', 200, said('Public rate limit exceeded'), 'rate'],
    ['maintenance', 503, said('GDAX is currently under maintenance.'), 'transient server'],
    ['maintenance as a refusal', 403, said('Coinbase is currently under maintenance'), 'transient server'],
    ['maintenance as a good reply', 200, said('under maintenance'), 'transient server'],
    ['not found as a good reply', 200, said('NotFound'), 'product'],
    ['a bad key as a good reply', 200, said('Invalid API Key'), 'forbidden'],
    ['another message as a good reply', 200, said('Something went wrong'), 'transient body'],
    ['a server error', 500, said('Internal server error'), 'transient server'],
    ['a text', 200, '"hello"', 'transient body'],
    ['null', 200, 'null', 'transient body'],
    ['a truncated page', 200, '[{"trade_id":1,"price":"1.0', 'transient body'],
    ['a page that is damaged inside', 200, '[{"trade_id":1},,{"trade_id":2}]', 'transient body'],
    ['a truncated error', 500, '{"mess', 'transient server'],
    ['nothing', 200, '', 'transient body'],
  ])('%s (%i %s) as %s %s', (_what, status, body, expected) => {
    expect(judge(status, body)).toBe(expected);
  });

  it.each([
    [200, 'transient body'],
    [403, 'transient server'],
    [429, 'rate'],
    [451, 'forbidden'],
    [502, 'transient server'],
    [503, 'transient server'],
    [520, 'transient server'],
    [522, 'transient server'],
  ])('an HTML page of the edge with %i as %s, whatever it looks like as JSON', (status, expected) => {
    expect(judge(status, html, 'text/html; charset=UTF-8')).toBe(expected);
    if (status !== 451) expect(judge(status, said('Invalid API Key'), 'text/html')).toBe(expected);
  });

  it('a page that is cut short without its rows, anything else with its first words', () => {
    const wordsOf = (body: string): string => {
      const outcome = coinbasePolicy().classify(reply(200, body, json), call);
      return outcome.ok ? '' : outcome.error.message;
    };
    expect(wordsOf('[{"trade_id":1,"price":"1.0')).toMatch(
      /^coinbase answered 200 to \/products\/.*: ask again later\.$/,
    );
    expect(wordsOf('"hello"')).toMatch(/^coinbase answered 200 ""hello"" to /);
  });

  it('a refusal of a call that is about no product as a wrong request', () => {
    const catalogue: ExchangeCall = { url: 'https://api.exchange.coinbase.com/products', cost: [] };
    expect(judge(404, said('NotFound'), json, catalogue)).toBe('request');
    expect(judge(400, said('product_id is not a valid product'), json, catalogue)).toBe('request');
    expect(judge(200, said('NotFound'), json, catalogue)).toBe('transient body');
  });

  it('and hands the status, the wait and the words on', () => {
    const outcome = coinbasePolicy().classify(
      reply(429, said('Public rate limit exceeded'), json, { 'retry-after': '3' }),
      call,
    );
    expect(outcome).toMatchObject({
      ok: false,
      error: {
        status: 429,
        retryAfterMs: 3000,
        url: call.url,
        message: expect.stringContaining('"Public rate limit exceeded" to /products/BTC-USD/trades?after=1001'),
      },
    });
  });
});

describe('coinbasePolicy signs', () => {
  const auth = { key: 'key-4711', secret: Buffer.from('very secret').toString('base64'), passphrase: 'open-sesame' };
  const clock = createManualClock(1_790_524_648_610);

  it('nothing without credentials, and always says who asks', () => {
    expect(coinbasePolicy().headers(call)).toEqual({
      accept: 'application/json',
      'user-agent': expect.stringMatching(/^schemahub/),
    });
    expect(coinbasePolicy({ userAgent: 'me/1' }).headers(call)).toMatchObject({ 'user-agent': 'me/1' });
  });

  it('timestamp, method, path and query with the decoded secret', () => {
    const expected = createHmac('sha256', 'very secret')
      .update('1790524648GET/products/BTC-USD/trades?after=1001&limit=1000')
      .digest('base64');
    expect(coinbasePolicy({ auth, clock }).headers(call)).toEqual({
      accept: 'application/json',
      'user-agent': expect.any(String),
      'cb-access-key': 'key-4711',
      'cb-access-sign': expected,
      'cb-access-timestamp': '1790524648',
      'cb-access-passphrase': 'open-sesame',
    });
  });

  it('with the time of each call', async () => {
    const policy = coinbasePolicy({ auth, clock });
    const before = policy.headers(call);
    await clock.advance(1000);
    expect(policy.headers(call)['cb-access-timestamp']).toBe('1790524649');
    expect(policy.headers(call)['cb-access-sign']).not.toBe(before['cb-access-sign']);
  });

  it.each([
    [400, json],
    [401, json],
    [200, json],
    [500, 'text/html'],
  ])('and lets no secret into an error (%i %s), its stack or itself', (status, type) => {
    const policy = coinbasePolicy({ auth, clock });
    const words = `Invalid API Key ${auth.key} with ${auth.secret} and ${auth.passphrase}`;
    const outcome = policy.classify(reply(status, said(words), type), call);
    if (outcome.ok) throw new Error('expected a failure');
    const { error } = outcome;
    const shown = [error.message, error.stack, String(error.url), JSON.stringify(error), JSON.stringify(policy)].join(
      '\n',
    );
    for (const secret of Object.values(auth)) expect(shown).not.toContain(secret);
    expect(error.message).toContain('(redacted)');
  });

  it.each([
    ['key', { key: '' }],
    ['key', { key: 'a\r\nhost: evil' }],
    ['passphrase', { passphrase: 'ä' }],
    ['passphrase', { passphrase: undefined as unknown as string }],
    ['secret', { secret: '' }],
    ['secret', { secret: 'not base64!' }],
    ['secret', { secret: 'abc' }],
  ])('only with a sound %s, and never shows a wrong one', (part, wrong) => {
    const build = (): unknown => coinbasePolicy({ auth: { ...auth, ...wrong } });
    expect(build).toThrow(
      expect.objectContaining({ code: 'invalid-option', message: expect.stringContaining(`auth.${part}`) }),
    );
    const value = Object.values(wrong)[0];
    if (value) expect(build).toThrow(expect.objectContaining({ message: expect.not.stringContaining(value) }));
  });
});

describe('coinbasePolicy refuses at the door', () => {
  it.each([{ rate: 0 }, { rate: Number.NaN }, { burst: 0 }, { userAgent: ' ' }, { userAgent: 'a\nb' }])(
    '%o',
    (wrong) => {
      expect(() => coinbasePolicy(wrong)).toThrow(
        expect.objectContaining({ name: 'ConnectorError', code: 'invalid-option' }),
      );
    },
  );

  it('nothing of its defaults', () => {
    expect(coinbasePolicy().budgets).toEqual({ requests: { rate: 10, burst: 5 } });
    expect(coinbasePolicy({ rate: 3, burst: 6 }).budgets).toEqual({ requests: { rate: 3, burst: 6 } });
  });
});

import { binanceDefaults, createBinanceConnector } from '@schemahub/connector-binance';
import { coinbaseDefaults, createCoinbaseConnector } from '@schemahub/connector-coinbase';
import { createKrakenConnector, krakenDefaults } from '@schemahub/connector-kraken';
import type { Transport } from '@schemahub/core';
import { describe, expect, it } from 'vitest';
import { venueOf, venues } from './venues.js';

const transport: Transport = { send: async () => Promise.reject(new Error('nothing is asked')) };
const connectors = [
  { connector: createCoinbaseConnector({ transport }), defaults: coinbaseDefaults, rate: coinbaseDefaults.rate },
  { connector: createBinanceConnector({ transport }), defaults: binanceDefaults, rate: undefined },
  { connector: createKrakenConnector({ transport }), defaults: krakenDefaults, rate: krakenDefaults.rate },
];

describe('the table of venues', () => {
  it('knows those that have a connector', () => {
    expect(venues.map(({ exchange }) => exchange)).toEqual(connectors.map(({ defaults }) => defaults.exchange));
  });

  it.each(connectors)('says of $defaults.exchange what its connector says', ({ connector, defaults, rate }) => {
    const venue = venueOf(defaults.exchange);
    expect(venue).toMatchObject({
      column: defaults.exchange.toUpperCase(),
      rawTable: defaults.rawTable,
      proof: connector.proof,
    });
    if (rate !== undefined) expect(venue.defaultRate).toBe(rate);
  });
});

// Stand-ins for Binance and Kraken, for the examples of their connectors; prints their addresses as one line of JSON.
import { createBinanceSim, createKrakenSim, serve } from '../../internal/exchange-sim/src/index.ts';

const product = { trades: 2500, price: '84429.83', ratePerSecond: 5 };
const [binance, kraken] = await Promise.all([
  serve(createBinanceSim({ seed: 7, products: [{ ...product, id: 'BTCUSDT', base: 'BTC', quote: 'USDT' }] })),
  serve(
    createKrakenSim({ seed: 7, rateLimit: false, products: [{ ...product, id: 'XBTUSD', base: 'XBT', quote: 'USD' }] }),
  ),
]);
console.log(JSON.stringify({ 'https://api.binance.com': binance.url, 'https://api.kraken.com': kraken.url }));

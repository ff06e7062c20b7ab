// A limiter and a circuit breaker in front of any HTTP client: never above the rate, and no hammering of a server that is down.
import { createCircuitBreaker } from '@schemahub/circuit-breaker';
import { createRateLimiter } from '@schemahub/rate-limit';

const limiter = createRateLimiter({ budgets: { requests: { rate: 10, burst: 5 } }, maxInFlight: 8 });
const breaker = createCircuitBreaker({ name: 'coinbase', onEvent: ({ text }) => console.error(text) });

/** One attempt: its turn, then the breaker, then the request; what came of it is told to both. */
async function get(path: string, signal?: AbortSignal): Promise<unknown> {
  const url = `https://api.exchange.coinbase.com${path}`;
  return await limiter.schedule(
    async () => {
      const permit = await breaker.acquire({ maxWaitMs: 60_000, signal });
      try {
        const response = await fetch(url, { signal: signal ?? null, headers: { 'user-agent': 'recipe/1.0' } });
        if (response.status === 429) limiter.throttled('requests'); // slows down; no failure for the breaker
        await (response.status >= 500 ? permit.failed(`HTTP ${response.status}`) : permit.succeeded());
        if (!response.ok) throw new Error(`${url}: HTTP ${response.status}`);
        return await response.json();
      } catch (error) {
        await permit.failed(error); // told once: a second word is not heard
        throw error;
      }
    },
    { signal },
  );
}

const products = ['BTC-USD', 'ETH-USD', 'SOL-USD'];
const answers = await Promise.all(products.map((product) => get(`/products/${product}/trades?limit=2`)));
console.log(answers.map((trades) => (trades as unknown[]).length)); // [ 2, 2, 2 ]

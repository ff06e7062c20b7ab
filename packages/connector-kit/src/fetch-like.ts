/** The part of fetch that is used: GET, no redirect, a signal that ends it. Global fetch fits. */
export type FetchLike = (
  url: string,
  init: { readonly headers: Record<string, string>; readonly signal: AbortSignal; readonly redirect: 'manual' },
) => Promise<Response>;

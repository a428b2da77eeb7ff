// Signing in: the printed link's token is exchanged for a cookie, once, and leaves the address.

/** How long the server may take to answer a plain request. */
export const ANSWER_WITHIN = 10_000;

/** Exchanges the token. Returns whether the server took it; throws when it can't be reached. */
export async function signIn(token: string): Promise<boolean> {
  const response = await fetch("/api/session", {
    headers: { "x-brisk-token": token },
    credentials: "same-origin",
    cache: "no-store",
    signal: AbortSignal.timeout(ANSWER_WITHIN),
  });
  return response.ok;
}

// What checks say when something is not as it should be.

/** Throws unless `fact`. */
export function expect(fact, message) {
  if (!fact) throw new Error(message);
}

/** Throws unless both are equal when written down. */
export function same(found, wanted, what) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  expect(a === b, `${what}: ${a} where ${b} should be`);
}

/** Takes complaints that a check brought about on purpose off the list; there must be one. */
export function forgive(complaints, pattern) {
  const others = complaints.filter((line) => !pattern.test(line));
  expect(others.length < complaints.length, `nothing complained of ${pattern}`);
  complaints.splice(0, complaints.length, ...others);
}

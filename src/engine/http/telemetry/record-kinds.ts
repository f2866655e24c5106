/** The first byte of a record: what it tells of. */
export const recordKinds = {
  /** A request that is only measured. */
  measured: 1,
  /** A request, with its span. */
  span: 2,
  /** One try to pass a request on. */
  attempt: 3,
} as const

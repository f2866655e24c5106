/** Labels of samples, which each form writes once, however many samples have them. */
export class Labels {
  readonly pairs: readonly (readonly [name: string, value: string])[]
  #text: string | undefined
  #bytes: Uint8Array | undefined

  constructor(labels: Readonly<Record<string, string | number>>) {
    this.pairs = Object.entries(labels).map(([name, value]) => [name, String(value)])
  }

  /** `host="a",code="2xx"` */
  get text(): string {
    return (this.#text ??= this.pairs
      .map(([name, value]) => `${name}="${escape(value)}"`)
      .join(','))
  }

  /** In the one form that is not text. */
  bytes(write: (labels: Labels) => Uint8Array): Uint8Array {
    return (this.#bytes ??= write(this))
  }
}

/** Of values that are known beforehand: `{ up: state="up", down: state="down" }`. */
export function labelsOf<Value extends string>(
  name: string,
  values: readonly Value[],
): Readonly<Record<Value, Labels>> {
  const each = values.map((value) => [value, new Labels({ [name]: value })])
  return Object.fromEntries(each) as Record<Value, Labels>
}

function escape(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

/**
 * The Huffman code of HPACK (RFC 7541 §5.2, appendix B).
 *
 * The code is canonical: its lengths say it all, because codes of one length follow the order of their
 * symbols. Decoding goes by half bytes through a table of states, which are the inner nodes of the tree:
 *
 * ```text
 *   step[state * 16 + nibble] = next state | symbol << 8 | emits << 16 | may end here << 17 | fault << 18
 * ```
 *
 * The shortest code has 5 bits, so that four bits never end two symbols.
 */

/** Lengths of the codes of all bytes and, last, of the end of the string. */
// oxfmt-ignore
const lengths: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
]

const endOfString = 256
const codeBitsMax = 30
/** Padding is shorter than a byte. */
const paddingBitsMax = 7

const codes: Uint32Array = new Uint32Array(lengths.length)
/** Lengths again, as the encoder reads them. */
const codeBits: Uint8Array = Uint8Array.from(lengths)

for (let bits = 1, code = 0; bits <= codeBitsMax; bits++, code *= 2) {
  for (const [symbol, length] of lengths.entries()) if (length === bits) codes[symbol] = code++
}

const emits = 1 << 16
const mayEnd = 1 << 17
const fault = 1 << 18
const stepMask = 0xff

interface TreeNode {
  readonly number: number
  /** Below: a node, a symbol, or nothing yet. */
  readonly next: [TreeNode | number | undefined, TreeNode | number | undefined]
}

const steps: Int32Array = buildSteps()

function buildSteps(): Int32Array {
  const nodes: TreeNode[] = []
  const grow = (): TreeNode => {
    const node: TreeNode = { number: nodes.length, next: [undefined, undefined] }
    nodes.push(node)
    return node
  }
  const root = grow()
  for (const [symbol, length] of lengths.entries()) {
    let node = root
    for (let bit = length - 1; bit > 0; bit--) {
      const side = bitOf(codes[symbol]!, bit)
      node = (node.next[side] ??= grow()) as TreeNode
    }
    node.next[bitOf(codes[symbol]!, 0)] = symbol
  }
  const ends = paddingNodes(root)
  const table = new Int32Array(nodes.length * 16)
  for (const node of nodes) {
    for (let nibble = 0; nibble < 16; nibble++) {
      table[node.number * 16 + nibble] = stepOf(root, node, nibble, ends)
    }
  }
  return table
}

function bitOf(code: number, bit: number): 0 | 1 {
  return ((code >>> bit) & 1) as 0 | 1
}

/** Nodes where a string may end: what led there is the beginning of the code that ends strings, all ones. */
function paddingNodes(root: TreeNode): ReadonlySet<TreeNode> {
  const found = new Set<TreeNode>([root])
  let node = root
  for (let bits = 1; bits <= paddingBitsMax; bits++) {
    node = node.next[1] as TreeNode
    found.add(node)
  }
  return found
}

function stepOf(
  root: TreeNode,
  from: TreeNode,
  nibble: number,
  ends: ReadonlySet<TreeNode>,
): number {
  let node = from
  let entry = 0
  for (let bit = 3; bit >= 0; bit--) {
    const next = node.next[bitOf(nibble, bit)]!
    if (typeof next !== 'number') node = next
    else if (next === endOfString) return fault
    else {
      entry = emits | (next << 8)
      node = root
    }
  }
  return entry | node.number | (ends.has(node) ? mayEnd : 0)
}

/** Bytes that a string of `bytes` encoded ones may have at most: 8 bits for 5. */
export function decodedBytesMax(bytes: number): number {
  return Math.floor((bytes * 8) / 5)
}

/** Decodes into `into` from 0 on; returns how many bytes, or -1 for what is no such code. */
export function huffmanDecode(
  bytes: Uint8Array,
  from: number,
  to: number,
  into: Uint8Array,
): number {
  let step = mayEnd
  let length = 0
  for (let at = from; at < to; at++) {
    const byte = bytes[at]!
    step = steps[((step & stepMask) << 4) | (byte >> 4)]!
    if ((step & emits) !== 0) into[length++] = (step >> 8) & 0xff
    else if ((step & fault) !== 0) return -1
    step = steps[((step & stepMask) << 4) | (byte & 15)]!
    if ((step & emits) !== 0) into[length++] = (step >> 8) & 0xff
    else if ((step & fault) !== 0) return -1
  }
  return (step & mayEnd) === 0 ? -1 : length
}

/** Bytes that a text of ASCII takes when it is encoded; -1 where a character is none. */
export function huffmanLength(text: string): number {
  let bits = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return -1
    bits += codeBits[code]!
  }
  return (bits + 7) >> 3
}

/** Encodes a text of ASCII into `into` at `at`; returns where it ends. */
export function huffmanEncode(text: string, into: Uint8Array, at: number): number {
  let end = at
  let held = 0
  let heldBits = 0
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i)
    const bits = codeBits[symbol]!
    const code = codes[symbol]!
    // At most 7 bits are held, so that codes of up to 24 bits fit; longer ones come in two parts.
    if (bits > 24) {
      held = (held << (bits - 16)) | (code >>> 16)
      heldBits += bits - 16
      while (heldBits >= 8) into[end++] = held >>> (heldBits -= 8)
      held = (held << 16) | (code & 0xffff)
      heldBits += 16
    } else {
      held = (held << bits) | code
      heldBits += bits
    }
    while (heldBits >= 8) into[end++] = held >>> (heldBits -= 8)
  }
  if (heldBits > 0) into[end++] = (held << (8 - heldBits)) | (0xff >> heldBits)
  return end
}

import { createClient, custom } from "viem";
import { describe, expect, it } from "vitest";
import { blocksAt, firstBlockSince } from "../../src/chain/ballots";

/** A chain of blocks with these times. */
function chain(...times: number[]) {
  const request = async ({ params }: { params?: unknown }) => {
    const [at] = params as [string];
    const number = at === "latest" ? times.length - 1 : Number(at);
    return { number: `0x${number.toString(16)}`, timestamp: `0x${times[number]!.toString(16)}`, transactions: [] };
  };
  return createClient({ transport: custom({ request }) });
}

describe("blocks of a time", () => {
  it("are all of those that share it, whichever has the event", async () => {
    expect(await blocksAt(chain(1, 5, 9, 9, 9, 12, 20), 9n)).toEqual([2n, 5n]);
  });
  it("end with the newest block where that shares it", async () => {
    expect(await blocksAt(chain(1, 5, 9, 9), 9n)).toEqual([2n, 3n]);
  });
  it("begin with the first of that time or later", async () => {
    expect(await firstBlockSince(chain(1, 5, 9, 12), 6n)).toBe(2n);
  });
});

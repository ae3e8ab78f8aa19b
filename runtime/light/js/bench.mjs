// How long the check of one certified proof takes. node bench.mjs VECTORS [COUNT]
// Prints the median of COUNT checks, what nine of ten stay below, the first one, and the time of
// processors that each took, which other load changes less; as the twin works, and without native
// code for signatures; and the load of the machine.

import { readFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";

import { withoutNative } from "./checks.mjs";
import { verify } from "./light.mjs";

const bytes = (text) => Uint8Array.from(Buffer.from(text, "hex"));
const vectors = JSON.parse(readFileSync(process.argv[2], "utf8"));
const count = Number(process.argv[3] ?? 400);
const network = { genesis: bytes(vectors.genesis), members: vectors.members.map(bytes) };
const proofs = vectors.proofs.map(({ address, proof }) => [bytes(address), bytes(proof)]);

async function measure(name) {
  const times = [];
  const before = process.cpuUsage();
  for (let turn = 0; turn < count; turn += 1) {
    const [address, proof] = proofs[turn % proofs.length];
    const start = performance.now();
    await verify(network, address, proof);
    times.push(performance.now() - start);
  }
  const { user, system } = process.cpuUsage(before);
  const [first] = times;
  times.sort((one, other) => one - other);
  const busy = (user + system) / 1_000 / count;
  const shown = [times[count >> 1], times[Math.floor(count * 0.9)], first, busy];
  const [median, late, start, each] = shown.map((time) => time.toFixed(2));
  console.log(`${name}: median ${median}, p90 ${late}, first ${start}, processors ${each} ms`);
}

await measure("native signatures");
await withoutNative(() => measure("library alone"));
const [load] = loadavg();
console.log(`${count} checks each, load ${load.toFixed(1)} on ${availableParallelism()} cores`);

// The twin against the files that the crate is tested with, in Node.
// node test.mjs VECTORS CASES MADE [BITS]: all bits of the proofs in MADE are changed one by one,
// and of each proof in VECTORS this number, all by default.

import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";

import * as checks from "./checks.mjs";
import * as light from "./light.mjs";

const [vectors, cases, made] = process.argv
  .slice(2, 5)
  .map((file) => JSON.parse(readFileSync(file, "utf8")));
const bits = process.argv[5] === undefined ? undefined : Number(process.argv[5]);

/** Changes bits of all proofs; a worker takes each bit whose number leaves its own as the rest. */
async function mutate(worker, workers) {
  let tried = 0;
  for (const proof of made) {
    tried += await checks.checkBits(light, proof, worker, workers);
  }
  for (const proof of vectors.proofs) {
    const step = checks.stepOf(proof.proof, bits);
    tried += await checks.checkBits(light, { ...vectors, ...proof }, worker * step, workers * step);
  }
  return tried;
}

function inWorker(worker, workers) {
  return new Promise((resolve, reject) => {
    const data = { worker, workers };
    const started = new Worker(new URL(import.meta.url), {
      workerData: data,
      argv: process.argv.slice(2),
    });
    started.once("message", resolve);
    started.once("error", reject);
  });
}

if (isMainThread) {
  for (const run of [(checked) => checked(), checks.withoutNative]) {
    await run(async () => {
      const proofs = await checks.checkVectors(light, vectors);
      const steps = await checks.checkCases(light, cases);
      await checks.checkTwoAtOnce(light, cases);
      const native = (await checks.hasNative()) ? "with" : "without";
      console.log(`${proofs} proofs and ${steps} steps, ${native} native signatures`);
    });
  }
  const workers = availableParallelism();
  const started = Array.from({ length: workers }, (_, worker) => inWorker(worker, workers));
  const tried = (await Promise.all(started)).reduce((sum, count) => sum + count, 0);
  console.log(`${tried} mutations, all refused`);
} else {
  parentPort.postMessage(await mutate(workerData.worker, workerData.workers));
}

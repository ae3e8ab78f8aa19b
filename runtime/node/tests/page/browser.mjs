// Starts headless Chromium: the machine's own, or the one that is installed with this.
import fs from 'node:fs';
import puppeteer from 'puppeteer-core';

async function browserPath() {
  const known = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser'];
  const found = known.find((file) => file && fs.existsSync(file));
  return found ?? (await import('@sparticuz/chromium')).default.executablePath();
}

/** A browser. Ends the process with exit code 3 where none can be started. */
export async function launch() {
  try {
    return await puppeteer.launch({
      executablePath: await browserPath(),
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--single-process'],
      headless: 'shell',
      // A long run checks thousands of proofs in one call.
      protocolTimeout: 600_000,
    });
  } catch (error) {
    console.log(`no browser can be started here: ${error.message}`);
    process.exit(3);
  }
}

// Looks at a node's page in headless Chromium while the node is under load, light and dark, wide
// and narrow. Arguments: URL, a folder for screenshots, an address whose certified proofs are
// wrong, and one that has none yet. Exit code 3: there is no browser here.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import axe from 'axe-core';
import { launch } from './browser.mjs';

const [url, folder, forged, waiting] = process.argv.slice(2);
const wallet = '4Nd1mYVnMUYyzhTsGrnqCYGxZzT9WzVgYwxq8zX8PzGg';

const browser = await launch();
const figure = (page, id) => page.$eval(`#${id}`, (element) => element.textContent);
const number = async (page, id) => Number((await figure(page, id)).replaceAll(',', ''));
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(what, is) {
  for (const start = Date.now(); !(await is());) {
    assert.ok(Date.now() - start < 20_000, what);
    await pause(100);
  }
}

async function lookUp(page, address, said) {
  await page.evaluate(() => {
    document.getElementById('what').value = '';
    document.getElementById('certified').textContent = '';
  });
  await page.focus('#what');
  await page.keyboard.type(address);
  await page.keyboard.press('Enter');
  await until(said, async () => (await figure(page, 'certified')).includes(said));
  return page.$eval('#certified', (element) => element.className);
}

// What is certified, what is forged, what has no certificate yet; and members of another network.
async function certificates(page) {
  const right = 'certified by the network of 4 members';
  assert.equal(await lookUp(page, wallet, right), 'good');
  assert.ok((await figure(page, 'origin')).includes('compare them'));
  assert.equal(await lookUp(page, forged, 'the signature of member 0 is wrong'), 'bad');
  assert.equal(await lookUp(page, waiting, 'not certified yet'), '');
  await page.click('summary');
  const trusted = await page.$eval('#trusted', (area) => area.value);
  const enter = async (text) => {
    await page.$eval('#trusted', (area, text) => { area.value = text; }, text);
    await page.click('#trust button');
  };
  await enter(trusted.split('\n').map((line, place) => (place === 0 ? wallet : line)).join('\n'));
  assert.equal(await lookUp(page, wallet, 'the signature of member 0 is wrong'), 'bad');
  await enter('no key');
  assert.ok((await figure(page, 'origin')).includes('expected 32 bytes in base58, found "no"'));
  await enter(trusted);
  assert.equal(await lookUp(page, wallet, right), 'good');
  assert.equal(await figure(page, 'origin'), 'as entered in this browser');
}

async function look(name, scheme, width, height) {
  const page = await browser.newPage();
  const errors = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) errors.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('requestfailed', (request) => errors.push(`failed: ${request.url()}`));
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  await page.goto(url);
  await page.evaluate(() => localStorage.clear());
  await until('no transactions are shown', async () => (await number(page, 'tps')) > 0);
  const slot = await number(page, 'slot');
  await until('the slot stands still', async () => (await number(page, 'slot')) > slot);
  await until('no lanes are drawn', async () => (await page.$('#lanes rect')) !== null);
  await until('no hot accounts', async () => (await page.$$('#hot tr')).length > 1);
  assert.equal(await figure(page, 'state'), 'running');
  // Faucet and look-up by keyboard alone.
  await page.focus('#wallet');
  await page.keyboard.type(wallet);
  await page.keyboard.press('Enter');
  const isSignature = (text) => /^[1-9A-HJ-NP-Za-km-z]{80,90}$/.test(text);
  await until('no airdrop', async () => isSignature(await figure(page, 'sent')));
  const signature = await figure(page, 'sent');
  await page.focus('#what');
  await page.keyboard.type(wallet);
  await until('the account is not found', async () => {
    await page.focus('#what');
    await page.keyboard.press('Enter');
    await pause(300);
    return (await figure(page, 'found')).includes(signature);
  });
  await certificates(page);
  const sizes = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(sizes[0] <= sizes[1], `${name}: ${sizes[0]} pixels on a screen of ${sizes[1]}`);
  const background = await page.$eval('body', (body) => getComputedStyle(body).backgroundColor);
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => window.axe.run());
  const shown = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html)}`);
  assert.deepEqual(shown, [], name);
  const file = path.join(folder, `${name}.png`);
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: file });
  assert.ok(fs.statSync(file).size > 10_000);
  assert.deepEqual(errors, [], name);
  console.log(`page: ${name}: ${await figure(page, 'tps')} transactions a second, ${file}`);
  await page.close();
  return background;
}

const light = await look('light', 'light', 1280, 900);
const dark = await look('dark', 'dark', 1280, 900);
assert.notEqual(light, dark);
await look('phone', 'light', 390, 844);
await look('phone-dark', 'dark', 390, 844);
await browser.close();
process.exit(0);

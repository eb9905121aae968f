import { openStage } from './stage.mjs';
import { mkdirSync } from 'node:fs';
mkdirSync('/tmp/ms',{recursive:true});
const stage = await openStage(t=>console.log('COMPLAINT',t));
const jobs = JSON.parse(process.argv[2]);
for (const j of jobs) {
  const page = await stage.open({height: 1000, theme:'dark', n:2000, width:620, scene:'segmented', ...j});
  const view = page.locator('[data-view="map"]');
  await view.scrollIntoViewIfNeeded();
  await page.waitForTimeout(j.wait ?? 2500);
  if (j.shows) { await page.evaluate(s=>0); const d=view.locator('vscode-dropdown'); await d.focus(); for(let i=0;i<({dense:1,missed:2})[j.shows];i++) await page.keyboard.press('ArrowDown'); await page.waitForTimeout(1500); }
  if (j.keys) { await view.locator('.plot').focus(); for (const k of j.keys) { await page.keyboard.press(k); await page.waitForTimeout(60);} await page.waitForTimeout(1500); }
  await view.screenshot({path:`/tmp/ms/${j.name}.png`});
  console.log(j.name, await page.evaluate(()=>globalThis.maps.length), await view.locator('p.small').textContent());
  await page.close();
}
await stage.close();

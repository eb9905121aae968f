import { createRequire } from 'node:module';
import { readFileSync, mkdirSync } from 'node:fs';
import { build } from 'esbuild';
import { openStage, root } from './stage.mjs';
import { join } from 'node:path';
mkdirSync('/tmp/ms',{recursive:true});
const { createEngine } = createRequire(import.meta.url)(join(root,'out/zz_engine.cjs'));
const engine = createEngine({ started(){}, progress(){}, log(){} });
const text = readFileSync(join(root,'src/engine/variants/primitives/softmaxRows.ts'),'utf8');
const s = await engine.inspect({ id:'r', text, model: join(root,'models/lab-base'), variant:{id:process.argv[3]??'segmented',params:JSON.parse(process.argv[4]??'{}')}, schedule:{mode:'shadow',layers:'all',others:[]}, device:'cpu', maxTokens:1e5});
console.log(s.tokens, s.seconds);
const table = await engine.tokens('r');
const stage = await openStage(t=>console.log('COMPLAINT',t));
await build({ absWorkingDir: root, bundle:true, entryPoints:{page:'test/webview/harness/page.ts'}, outdir:'out/panel-harness', platform:'browser', format:'iife', target:'es2022', plugins:[{name:'real',setup(b){ b.onResolve({filter:/fakeMap$/},()=>({path:'real',namespace:'real'})); b.onLoad({filter:/.*/,namespace:'real'},()=>({contents:`
const f=a=>Float32Array.from(a);
export async function fakeMap(ref){ const t=JSON.parse(await window.realMap(JSON.stringify(ref))); t.mass=f(t.mass); if(t.own) for(const k in t.own) t.own[k]=f(t.own[k]); else delete t.own; return t; }`}));}}]});
for (const j of JSON.parse(process.argv[2])) {
  const page = await stage.open({height:1000,theme:'dark',n:s.tokens,width:620,scene:'blank-'+j.name,...j});
  let ms=0, calls=0;
  await page.exposeFunction('realMap', async json => { const t0=performance.now(); const t=await engine.map({...JSON.parse(json), id:'r'}); ms+=performance.now()-t0; calls++; return JSON.stringify({...t, mass:[...t.mass], own: t.own && {mass:[...t.own.mass],missed:[...t.own.missed],admitted:[...t.own.admitted]}}); });
  const view = page.locator('[data-view="map"]');
  await page.evaluate(()=>0);
  await view.scrollIntoViewIfNeeded();
  await page.waitForTimeout(4000);
  if (j.shows) { const d=view.locator('vscode-dropdown'); await d.focus(); for(let i=0;i<({dense:1,missed:2})[j.shows];i++) await page.keyboard.press('ArrowDown'); await page.waitForTimeout(4000); }
  if (j.keys) { await view.locator('.plot').focus(); for (const k of j.keys) { await page.keyboard.press(k); await page.waitForTimeout(60);} await page.waitForTimeout(2500); }
  await view.screenshot({path:`/tmp/ms/real-${j.name}.png`});
  console.log(j.name, calls, Math.round(ms), await view.locator('.body > p').textContent());
  await page.close();
}
await stage.close(); process.exit(0);

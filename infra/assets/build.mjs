// Copies what the pages and the PDFs take from npm packages into the ignored folder assets/ at the top:
// the style sheet (without the rules that no page uses), fonts, the icons listed in icons.txt, the ALTCHA
// widget in its form for a strict Content-Security-Policy. Writes a file only when its bytes change, so that
// nothing is compiled again for nothing, and does nothing at all when no input changed.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");
const modules = join(root, "node_modules");
const out = join(root, "assets");
const stamp = join(out, ".stamp");

if (!existsSync(join(modules, "bootstrap-italia"))) {
  console.error("assets: node_modules is missing; run `make assets`, which installs it first");
  process.exit(1);
}

const lines = (file) =>
  readFileSync(join(here, file), "utf8").split("\n").map((line) => line.trim()).filter((line) => line && !line.startsWith("#"));

function filesUnder(folder, extensions) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "target" || entry.name === "tests" ? [] : filesUnder(path, extensions);
    return extensions.some((extension) => entry.name.endsWith(extension)) ? [path] : [];
  });
}

// Every word of these files counts as a class name in use.
const pages = [...filesUnder(join(root, "functions"), [".html", ".rs", ".js"]), ...filesUnder(join(root, "shared"), [".html", ".rs", ".js"])].sort();
const words = new Set(pages.flatMap((file) => readFileSync(file, "utf8").match(/[A-Za-z][A-Za-z0-9_-]*/g) ?? []));

const inputs = createHash("sha256");
for (const file of ["build.mjs", "icons.txt", "safelist.txt"]) inputs.update(readFileSync(join(here, file)));
inputs.update(readFileSync(join(root, "package-lock.json")));
inputs.update([...words].sort().join(" "));
const digest = inputs.digest("hex");
if (existsSync(stamp) && readFileSync(stamp, "utf8") === digest) {
  console.log("assets: nothing changed");
  process.exit(0);
}

const written = new Set();
let changed = 0;
function put(name, bytes) {
  const path = join(out, name);
  const content = Buffer.from(bytes);
  written.add(name);
  if (existsSync(path) && readFileSync(path).equals(content)) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  changed += 1;
}
const copy = (name, ...from) => put(name, readFileSync(join(modules, ...from)));

// Fonts: woff2 for pages, TTF for PDFs.
const fonts = join("bootstrap-italia", "dist", "fonts");
const titillium = (weight, kind) => join(fonts, "Titillium_Web", `titillium-web-v10-latin-ext_latin-${weight}.${kind}`);
const faces = [
  { family: "Titillium Web", file: "TitilliumWeb-Regular", weight: 400, style: "normal", from: titillium("regular", "woff2") },
  { family: "Titillium Web", file: "TitilliumWeb-Italic", weight: 400, style: "italic", from: titillium("italic", "woff2") },
  { family: "Titillium Web", file: "TitilliumWeb-SemiBold", weight: 600, style: "normal", from: titillium("600", "woff2") },
  { family: "Titillium Web", file: "TitilliumWeb-Bold", weight: 700, style: "normal", from: titillium("700", "woff2") },
  { family: "Roboto Mono", file: "RobotoMono-Regular", weight: 400, style: "normal", from: join(fonts, "Roboto_Mono", "roboto-mono-v13-latin-ext_latin-regular.woff2") },
];
for (const face of faces) copy(`fonts/${face.file}.woff2`, face.from);
copy("fonts-pdf/TitilliumWeb-Regular.ttf", titillium("regular", "ttf"));
copy("fonts-pdf/TitilliumWeb-SemiBold.ttf", titillium("600", "ttf"));
copy("fonts-pdf/TitilliumWeb-Bold.ttf", titillium("700", "ttf"));
copy("fonts-pdf/RobotoMono-Regular.ttf", fonts, "Roboto_Mono", "roboto-mono-v13-latin-ext_latin-regular.ttf");

// Style sheet: the font faces (the package loads them by script, the pages do without), then the rules in use.
const { PurgeCSS } = await import("purgecss");
const css = readFileSync(join(modules, "bootstrap-italia", "dist", "css", "bootstrap-italia.min.css"), "utf8");
const [purged] = await new PurgeCSS().purge({
  content: [{ raw: [...words].join(" "), extension: "txt" }],
  css: [{ raw: css }],
  fontFace: true, // the video player's icon font: nobody uses it, and our policy would block its data: address
  defaultExtractor: (text) => text.match(/[A-Za-z][A-Za-z0-9_-]*/g) ?? [],
  safelist: { standard: lines("safelist.txt").map((pattern) => new RegExp(`^${pattern}`)) },
});
const fontFaces = faces.map(({ family, file, weight, style }) =>
  `@font-face{font-family:"${family}";font-style:${style};font-weight:${weight};font-display:swap;src:url(fonts/${file}.woff2) format("woff2")}`).join("");
// The licence comment stays first; a source map would point to a file that is not there.
const sheet = purged.css.replace(/\/\*# sourceMappingURL=[^*]*\*\//, "").replace(/@charset "UTF-8";/i, "").replaceAll("\uFEFF", "");
put("bootstrap-italia.min.css", `@charset "UTF-8";${fontFaces}${sheet}`);

// Icons.
const sprite = readFileSync(join(modules, "bootstrap-italia", "dist", "svg", "sprites.svg"), "utf8");
const symbols = lines("icons.txt").map((icon) => {
  const symbol = sprite.match(new RegExp(`<symbol id="${icon}"[\\s\\S]*?</symbol>`));
  if (!symbol) throw new Error(`icons.txt names ${icon}, which the package does not have`);
  return symbol[0];
});
put("sprites.svg", `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`);

// ALTCHA: the build without inline workers and styles, its Italian texts, and the workers as files beside it.
const texts = {};
globalThis.$altcha = { i18n: { set: (language, strings) => (texts[language] = strings), store: { subscribe: () => () => {} } } };
await import(pathToFileURL(join(modules, "altcha", "dist", "i18n", "it.js")).href);
const italian = texts.it ?? {};
const setup = `
;{const worker=(file)=>()=>new Worker(new URL(file,import.meta.url));
for(const bits of ["256","384","512"]){
$altcha.algorithms.set("PBKDF2/SHA-"+bits,worker("altcha-pbkdf2.js"));
$altcha.algorithms.set("SHA-"+bits,worker("altcha-sha.js"));}
$altcha.i18n.set("it",${JSON.stringify(italian)});}
`;
const widget = readFileSync(join(modules, "altcha", "dist", "external", "altcha.min.js"), "utf8");
put("altcha.js", widget.trimEnd() + setup);
copy("altcha.css", "altcha", "dist", "external", "altcha.css");
copy("altcha-pbkdf2.js", "altcha", "dist", "workers", "pbkdf2.js");
copy("altcha-sha.js", "altcha", "dist", "workers", "sha.js");

const version = (name) => JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8")).version;
put("LICENSES.txt", [
  "The files of this folder were copied or made by infra/assets/build.mjs from these packages:",
  "",
  `bootstrap-italia ${version("bootstrap-italia")}: bootstrap-italia.min.css (unused rules left out), sprites.svg (some of its icons)`,
  "  BSD-3-Clause, (c) the contributors of Bootstrap Italia",
  "fonts/TitilliumWeb-*, fonts-pdf/TitilliumWeb-*: SIL Open Font License 1.1, (c) Accademia di Belle Arti di Urbino",
  "fonts/RobotoMono-*, fonts-pdf/RobotoMono-*: Apache License 2.0, (c) Google",
  `altcha ${version("altcha")}: altcha.js (with a few lines of ours at its end), altcha.css, altcha-*.js`,
  "  MIT, (c) Daniel Regeci, BAU Software s.r.o.",
  "",
  "--- bootstrap-italia ---",
  readFileSync(join(modules, "bootstrap-italia", "LICENSE"), "utf8"),
  "--- altcha ---",
  readFileSync(join(modules, "altcha", "LICENSE.txt"), "utf8"),
  "--- Titillium Web ---",
  readFileSync(join(modules, fonts, "Titillium_Web", "OFL.txt"), "utf8"),
].join("\n"));

// What an earlier version of this script wrote and this one does not.
for (const file of filesUnder(out, [""])) {
  const name = relative(out, file);
  if (name !== ".stamp" && !written.has(name)) rmSync(file);
}
writeFileSync(stamp, digest);
const size = Math.round(statSync(join(out, "bootstrap-italia.min.css")).size / 1024);
console.log(`assets: ${changed} of ${written.size} files changed; style sheet ${size} KB of ${Math.round(css.length / 1024)}`);

//! The fonts are not in the repository: they come from an npm package into an ignored folder. Says so when they are missing.

use std::{env, path::PathBuf, process::exit};

const FONTS: [&str; 4] =
    ["TitilliumWeb-Regular.ttf", "TitilliumWeb-SemiBold.ttf", "TitilliumWeb-Bold.ttf", "RobotoMono-Regular.ttf"];

fn main() {
    let folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../assets/fonts-pdf");
    for font in FONTS {
        let file = folder.join(font);
        println!("cargo::rerun-if-changed={}", file.display());
        if !file.is_file() {
            println!("cargo::error=the PDF font {font} is missing from assets/fonts-pdf: run `make assets` first");
            exit(1);
        }
    }
    println!("cargo::rustc-env=PDF_FONTS={}", folder.display());
}

//! Names the release of the pages' files: one hash over all of them, in the address of each (`/assets/{hash}/…`).

use std::{
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::Error,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Error> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(Error::other)?);
    // Made by the assets step; whoever embeds them says so when they are missing.
    let made = here.join("../../assets");
    let mut files = Vec::new();
    for folder in [here.join("assets"), made.clone(), made.join("fonts")] {
        println!("cargo:rerun-if-changed={}", folder.display());
        if folder.is_dir() {
            files.extend(plain_files(&folder)?);
        }
    }
    files.sort();
    // A name, not a proof: it only has to differ when a file does.
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.file_name().hash(&mut hasher);
        fs::read(&file)?.hash(&mut hasher);
    }
    println!("cargo:rustc-env=ASSETS_HASH={:016x}", hasher.finish());
    Ok(())
}

fn plain_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let visible =
        |path: &PathBuf| path.is_file() && !path.file_name().unwrap_or_default().as_encoded_bytes().starts_with(b".");
    let paths = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    Ok(paths.into_iter().filter(visible).collect())
}

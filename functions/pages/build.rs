//! Embeds the pages' files: those that the assets step made and our own. What shrinks is kept compressed only.

use std::{
    env,
    fmt::Write as _,
    fs,
    io::{Error, Write as _},
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};

fn main() -> Result<(), Error> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(Error::other)?);
    let out = PathBuf::from(env::var("OUT_DIR").map_err(Error::other)?);
    let (made, own) = (here.join("../../assets"), here.join("../../shared/web/assets"));
    if !made.join("bootstrap-italia.min.css").is_file() {
        return Err(Error::other("the folder assets/ is missing or empty: run `make assets` first"));
    }
    let mut table = String::from("static FILES: &[File] = &[\n");
    for (folder, prefix) in [(made.clone(), ""), (made.join("fonts"), "fonts/"), (own, "")] {
        println!("cargo:rerun-if-changed={}", folder.display());
        for path in plain_files(&folder)? {
            let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let name = format!("{prefix}{file_name}");
            let Some((content_type, shrinks)) = kind(&file_name) else { continue };
            let bytes = fs::read(&path)?;
            let kept = out.join(name.replace('/', "-"));
            fs::write(&kept, if shrinks { gzip(&bytes)? } else { bytes })?;
            writeln!(
                table,
                "    File {{ name: {name:?}, content_type: {content_type:?}, gzip: {shrinks}, bytes: include_bytes!({:?}) }},",
                kept.display().to_string()
            )
            .map_err(Error::other)?;
        }
    }
    table.push_str("];\n");
    fs::write(out.join("files.rs"), table)
}

/// The content type, and whether compression makes it smaller.
fn kind(name: &str) -> Option<(&'static str, bool)> {
    match name.rsplit_once('.')?.1 {
        "css" => Some(("text/css; charset=utf-8", true)),
        "js" => Some(("text/javascript; charset=utf-8", true)),
        "svg" => Some(("image/svg+xml", true)),
        "txt" => Some(("text/plain; charset=utf-8", true)),
        "woff2" => Some(("font/woff2", false)),
        _ => None,
    }
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn plain_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let paths = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    let mut files: Vec<_> = paths.into_iter().filter(|path| path.is_file()).collect();
    files.sort();
    Ok(files)
}

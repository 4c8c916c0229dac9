//! The four embedded faces, and glyphs from text.

use std::sync::LazyLock;

use krilla::text::{Font, GlyphId, KrillaGlyph};
use rustybuzz::{Direction, UnicodeBuffer};

/// A face that documents may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    Regular,
    SemiBold,
    Bold,
    /// For numbers that are read digit by digit; also the fallback, as it holds a few more characters.
    Mono,
}

struct Loaded {
    font: Font,
    shaper: rustybuzz::Face<'static>,
}

static FACES: LazyLock<[Loaded; 4]> = LazyLock::new(|| {
    let load = |bytes: &'static [u8]| {
        let font = Font::new(bytes.into(), 0);
        let shaper = rustybuzz::Face::from_slice(bytes, 0);
        let (font, shaper) = font.zip(shaper).expect("an embedded font is a font: every test of this crate loads them");
        Loaded { font, shaper }
    };
    [
        load(include_bytes!(concat!(env!("PDF_FONTS"), "/TitilliumWeb-Regular.ttf"))),
        load(include_bytes!(concat!(env!("PDF_FONTS"), "/TitilliumWeb-SemiBold.ttf"))),
        load(include_bytes!(concat!(env!("PDF_FONTS"), "/TitilliumWeb-Bold.ttf"))),
        load(include_bytes!(concat!(env!("PDF_FONTS"), "/RobotoMono-Regular.ttf"))),
    ]
});

impl Face {
    fn loaded(self) -> &'static Loaded {
        &FACES[match self {
            Self::Regular => 0,
            Self::SemiBold => 1,
            Self::Bold => 2,
            Self::Mono => 3,
        }]
    }

    pub fn font(self) -> Font {
        self.loaded().font.clone()
    }

    /// Has the face a drawing of this character?
    pub fn covers(self, character: char) -> bool {
        self.loaded().shaper.glyph_index(character).is_some_and(|glyph| glyph.0 != 0)
    }

    /// Glyphs from left to right, each with its part of `text`; lengths are in em.
    pub fn shape(self, text: &str) -> Vec<KrillaGlyph> {
        let shaper = &self.loaded().shaper;
        let em = f32::from(u16::try_from(shaper.units_per_em()).unwrap_or(1000));
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        buffer.set_direction(Direction::LeftToRight);
        let shaped = rustybuzz::shape(shaper, &[], buffer);
        let starts: Vec<usize> = shaped.glyph_infos().iter().map(|info| at(info.cluster)).collect();
        shaped
            .glyph_infos()
            .iter()
            .zip(shaped.glyph_positions())
            .map(|(info, position)| {
                let start = at(info.cluster);
                let end = starts.iter().copied().filter(|next| *next > start).min().unwrap_or(text.len());
                let in_em = |units: i32| units as f32 / em; // a font's units are below 2^24
                KrillaGlyph::new(
                    GlyphId::new(info.glyph_id),
                    in_em(position.x_advance),
                    in_em(position.x_offset),
                    in_em(position.y_offset),
                    in_em(position.y_advance),
                    start..end,
                    None,
                )
            })
            .collect()
    }
}

fn at(cluster: u32) -> usize {
    usize::try_from(cluster).unwrap_or(usize::MAX)
}

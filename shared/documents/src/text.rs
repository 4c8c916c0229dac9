//! From any text to lines that the fonts can draw: nothing fails, nothing is cut, what cannot be drawn is seen.

use krilla::text::KrillaGlyph;
use unicode_normalization::{UnicodeNormalization, char::canonical_combining_class, char::decompose_compatible};

use crate::fonts::Face;

/// Stands for a character that no face can draw.
pub const REPLACEMENT: char = '\u{fffd}';

/// How a text looks. Sizes are in points.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    pub face: Face,
    pub size: f32,
    /// From one baseline to the next.
    pub leading: f32,
    pub colour: Colour,
}

/// Red, green, blue.
#[derive(Debug, Clone, Copy)]
pub struct Colour(pub u8, pub u8, pub u8);

/// A stretch of one line in one face.
pub struct Run {
    pub face: Face,
    pub text: String,
    pub glyphs: Vec<KrillaGlyph>,
}

impl Run {
    /// In em.
    pub fn width(&self) -> f32 {
        self.glyphs.iter().map(|glyph| glyph.x_advance).sum()
    }
}

#[derive(Default)]
pub struct Line {
    pub runs: Vec<Run>,
}

impl Line {
    /// In em.
    pub fn width(&self) -> f32 {
        self.runs.iter().map(Run::width).sum()
    }

    /// Puts a piece behind the others; pieces in the same face become one run.
    fn append(&mut self, piece: Vec<Run>) {
        for run in piece {
            match self.runs.last_mut().filter(|last| last.face == run.face) {
                Some(last) => {
                    let offset = last.text.len();
                    last.text.push_str(&run.text);
                    last.glyphs.extend(run.glyphs.into_iter().map(|mut glyph| {
                        glyph.text_range = glyph.text_range.start + offset..glyph.text_range.end + offset;
                        glyph
                    }));
                }
                None => self.runs.push(run),
            }
        }
    }
}

/// A text broken into lines.
pub struct Lines {
    pub lines: Vec<Line>,
    /// Some character was simplified or replaced.
    pub altered: bool,
}

/// Breaks `text` between words into lines of at most `width` points, and inside a word only if it is longer than a line.
///
/// Blanks at a line's end stay: readers of the tagged text need them between words.
pub fn lines(text: &str, style: Style, width: f32) -> Lines {
    let (text, altered) = drawable(text, style.face);
    let room = width / style.size;
    let mut lines = vec![Line::default()];
    let mut used = 0.0;
    let mut put = |piece: Vec<Run>, ink: f32, advance: f32| {
        if used > 0.0 && used + ink > room {
            lines.push(Line::default());
            used = 0.0;
        }
        if let Some(line) = lines.last_mut() {
            line.append(piece);
        }
        used += advance;
    };
    for word in text.split_inclusive(' ') {
        let bare: f32 = shape(word.trim_end(), style.face).iter().map(Run::width).sum();
        if bare <= room {
            let piece = shape(word, style.face);
            let advance = piece.iter().map(Run::width).sum();
            put(piece, bare, advance);
            continue;
        }
        for character in word.chars() {
            let piece = shape(character.encode_utf8(&mut [0; 4]), style.face);
            let advance = piece.iter().map(Run::width).sum();
            put(piece, if character == ' ' { 0.0 } else { advance }, advance);
        }
    }
    Lines { lines, altered }
}

/// Would nothing of this text be seen?
pub fn is_blank(text: &str) -> bool {
    drawable(text, Face::Regular).0.is_empty()
}

/// The runs of a text whose every character some face can draw.
fn shape(text: &str, wanted: Face) -> Vec<Run> {
    let mut runs: Vec<(Face, String)> = Vec::new();
    for character in text.chars() {
        let face = if wanted.covers(character) { wanted } else { Face::Mono };
        match runs.last_mut().filter(|(last, _)| *last == face) {
            Some((_, text)) => text.push(character),
            None => runs.push((face, character.into())),
        }
    }
    runs.into_iter().map(|(face, text)| Run { face, glyphs: face.shape(&text), text }).collect()
}

/// The text in characters that can be drawn, and whether that changed it.
///
/// Invisible characters (controls, marks of direction, joiners) go; blanks of every kind become one blank.
fn drawable(text: &str, wanted: Face) -> (String, bool) {
    let mut out = String::with_capacity(text.len());
    let mut altered = false;
    for character in text.nfc() {
        match character {
            c if c.is_whitespace() => {
                if !out.is_empty() && !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            c if is_invisible(c) => {}
            c if can_draw(c, wanted) => out.push(c),
            '\u{2010}' | '\u{2011}' => out.push('-'),
            c => {
                altered = true;
                out.push_str(&nearest(c, wanted));
            }
        }
    }
    out.truncate(out.trim_end().len());
    (out, altered)
}

/// The letter without its accent, a ligature's letters, or the sign for "no such character".
fn nearest(character: char, wanted: Face) -> String {
    if canonical_combining_class(character) != 0 {
        return String::new(); // an accent for which no letter with it exists: the letter before it stays
    }
    let mut parts = String::new();
    decompose_compatible(character, |part| {
        if canonical_combining_class(part) == 0 {
            parts.push(part);
        }
    });
    match !parts.is_empty() && parts.chars().all(|part| can_draw(part, wanted)) {
        true => parts,
        false => REPLACEMENT.into(),
    }
}

/// U+FEFF stands in Roboto Mono, and the standards forbid it: it is caught as invisible before this is asked.
fn can_draw(character: char, wanted: Face) -> bool {
    !is_invisible(character) && (wanted.covers(character) || Face::Mono.covers(character))
}

fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STYLE: Style = Style { face: Face::Regular, size: 10.0, leading: 14.0, colour: Colour(0, 0, 0) };

    fn text(lines: &Lines) -> Vec<String> {
        lines.lines.iter().map(|line| line.runs.iter().map(|run| run.text.as_str()).collect()).collect()
    }

    #[test]
    fn what_cannot_be_drawn_is_simplified_or_seen() {
        let cases = [
            ("Niccolò Çelik Łukasz Șerban", "Niccolò Çelik Łukasz Șerban", false),
            ("perche\u{301}", "perché", false),
            ("Nguyễn Thị Ánh", "Nguyen Thi Ánh", true),
            ("ﬁne № 3", "fine No 3", true),
            ("王芳 ☕", "\u{fffd}\u{fffd} \u{fffd}", true),
            ("a\u{202e}b\u{200d}c\u{feff}d\u{0}", "abcd", false),
            (" a\t\n\u{a0} b ", "a b", false),
            ("3\u{2011}B", "3-B", false),
            ("x\u{335}", "x", true),
            ("\u{e000}", "\u{fffd}", true),
        ];
        for (typed, expected, altered) in cases {
            assert_eq!(drawable(typed, Face::Regular), (expected.to_owned(), altered), "{typed:?}");
        }
    }

    #[test]
    fn lines_break_between_words_and_keep_the_blank() {
        let broken = lines("uno due tre quattro cinque", STYLE, 60.0);
        assert_eq!(text(&broken), ["uno due tre ", "quattro ", "cinque"]);
    }

    #[test]
    fn a_word_longer_than_a_line_is_broken_anywhere_and_not_cut() {
        let word = "Donaudampfschifffahrtsgesellschaftskapitän";
        let broken = lines(word, STYLE, 50.0);
        assert!(broken.lines.len() > 3);
        assert_eq!(text(&broken).concat(), word);
    }

    proptest! {
        #[test]
        fn any_text_fits_and_keeps_its_characters(typed in "\\PC{0,80}", width in 20f32..400.0) {
            let broken = lines(&typed, STYLE, width);
            prop_assert_eq!(text(&broken).concat(), drawable(&typed, STYLE.face).0);
            for line in &broken.lines {
                let blank = if line.runs.last().is_some_and(|run| run.text.ends_with(' ')) { STYLE.size } else { 0.0 };
                prop_assert!(line.width() * STYLE.size <= width + blank + 0.01);
                for run in &line.runs {
                    prop_assert!(run.glyphs.iter().all(|glyph| glyph.glyph_id.to_u32() != 0));
                }
            }
        }
    }
}

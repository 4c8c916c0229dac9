//! A4 sheets: texts flow down and over pages, each tagged for readers that do not see.
//!
//! Everything is placed first and drawn last, so a footer can tell how many pages there are. Lengths are in points
//! (1/72 inch), from the top left corner.

use std::num::NonZeroU16;

use jiff::{Timestamp, tz::TimeZone};
use krilla::{
    Document, SerializeSettings,
    color::rgb,
    configure::{Accessibility, Archival, ConfigurationBuilder},
    destination::XyzDestination,
    geom::{PathBuilder, Point, Rect},
    metadata::{DateTime, Metadata},
    num::NormalizedF32,
    outline::{Outline, OutlineNode},
    page::PageSettings,
    paint::{Fill, FillRule},
    surface::Surface,
    tagging::{
        Artifact, ArtifactType, ContentTag, Identifier, Node, SpanTag, TableHeaderScope, Tag, TagGroup, TagKind,
        TagTree,
    },
};

use crate::{
    DocumentError,
    text::{self, Colour, Line, Style},
};

const WIDTH: f32 = 595.28;
const HEIGHT: f32 = 841.89;
pub const MARGIN: f32 = 51.0; // 18 mm
pub const TEXT_WIDTH: f32 = WIDTH - 2.0 * MARGIN;
/// The footer's baseline, and the line above which the text ends.
const FOOTER: f32 = HEIGHT - 34.0;
const BOTTOM: f32 = HEIGHT - 62.0;
const TOP: f32 = MARGIN;

/// A part of the structure: content that was placed, or a tag around parts.
pub enum Part {
    Placed { page: usize, mark: usize },
    Tagged(TagKind, Vec<Part>),
}

impl Part {
    pub fn paragraph(parts: Vec<Part>) -> Self {
        Self::Tagged(Tag::P.into(), parts)
    }
}

/// One thing on a page.
enum Mark {
    Text {
        x: f32,
        baseline: f32,
        style: Style,
        line: Line,
    },
    /// A coloured area, decoration only.
    Area {
        area: Rect,
        colour: Colour,
    },
}

/// What a document is, for catalogues and for the file's own data.
pub struct About {
    pub title: String,
    pub author: String,
    /// An identifier that is the same whenever the same document is made again.
    pub id: String,
    pub created: Timestamp,
    /// Stands at the foot of each page, before the page's number.
    pub footer: String,
    pub footer_style: Style,
}

/// A document under way.
#[derive(Default)]
pub struct Sheet {
    pages: Vec<Vec<Mark>>,
    parts: Vec<Part>,
    chapters: Vec<(String, usize, f32)>,
    /// Where the next thing goes: its page and its upper edge.
    page: usize,
    y: f32,
    altered: bool,
}

impl Sheet {
    pub fn new() -> Self {
        Self { pages: vec![Vec::new()], y: TOP, ..Self::default() }
    }

    /// Was some text simplified because no font can draw it?
    pub fn altered(&self) -> bool {
        self.altered
    }

    pub fn space(&mut self, height: f32) {
        self.y += height;
    }

    /// Goes to the next page unless `height` is left on this one.
    pub fn keep(&mut self, height: f32) {
        if self.y + height > BOTTOM && self.y > TOP {
            self.page_after(self.page);
        }
    }

    /// A heading, also listed in the outline. `level` is 1 to 6.
    pub fn heading(&mut self, level: u16, text: &str, style: Style) {
        self.chapters.push((text.to_owned(), self.page, self.y));
        let placed = self.write(text, style, MARGIN, TEXT_WIDTH);
        let level = NonZeroU16::new(level).unwrap_or(NonZeroU16::MIN);
        self.parts.push(Part::Tagged(Tag::Hn(level, Some(text.to_owned())).into(), placed));
    }

    pub fn paragraph(&mut self, text: &str, style: Style) {
        let placed = self.write(text, style, MARGIN, TEXT_WIDTH);
        self.parts.push(Part::paragraph(placed));
    }

    /// Adds parts that were placed with [`Sheet::write`].
    pub fn push(&mut self, part: Part) {
        self.parts.push(part);
    }

    /// A line across the text.
    pub fn rule(&mut self, colour: Colour) {
        self.area(MARGIN, self.y, TEXT_WIDTH, 0.6, colour);
    }

    /// Two columns, a label and its value a row, with a line under each row. `summary` says what the table is.
    pub fn facts<'a>(&mut self, summary: &str, rows: impl IntoIterator<Item = Fact<'a>>, looks: FactLooks) {
        let value_x = MARGIN + looks.label_width;
        let value_width = TEXT_WIDTH - looks.label_width;
        let rows = rows.into_iter().map(|fact| {
            let value_style = match fact.kind {
                FactKind::Words => looks.value,
                FactKind::Digits => looks.digits,
                FactKind::Untold => looks.label,
            };
            let height = self.height(fact.label, looks.label, looks.label_width - looks.gap);
            let height = height.max(self.height(fact.value, value_style, value_width)) + 2.0 * looks.padding;
            self.keep(height.min(BOTTOM - TOP));
            self.space(looks.padding);
            let (page, top) = (self.page, self.y);
            let label = self.write(fact.label, looks.label, MARGIN, looks.label_width - looks.gap);
            let label_end = (self.page, self.y);
            (self.page, self.y) = (page, top);
            let value = self.write(fact.value, value_style, value_x, value_width);
            if label_end.0 > self.page || (label_end.0 == self.page && label_end.1 > self.y) {
                (self.page, self.y) = label_end;
            }
            self.space(looks.padding);
            self.rule(looks.line);
            let label = Part::Tagged(Tag::TH(TableHeaderScope::Row).into(), label);
            let value = Part::Tagged(Tag::TD.into(), value);
            Part::Tagged(Tag::TR.into(), vec![label, value])
        });
        let rows = rows.collect();
        let body = Part::Tagged(Tag::TBody.into(), rows);
        self.parts.push(Part::Tagged(Tag::Table.with_summary(Some(summary.to_owned())).into(), vec![body]));
    }

    /// A coloured area behind what is written on it later.
    pub fn area(&mut self, x: f32, y: f32, width: f32, height: f32, colour: Colour) {
        if let Some(area) = Rect::from_xywh(x, y, width, height) {
            self.pages[self.page].push(Mark::Area { area, colour });
        }
    }

    /// The upper edge of what comes next on the present page.
    pub fn y(&self) -> f32 {
        self.y
    }

    pub fn set_y(&mut self, y: f32) {
        self.y = y;
    }

    /// The height that a text would take.
    pub fn height(&self, text: &str, style: Style, width: f32) -> f32 {
        let lines = u16::try_from(text::lines(text, style, width).lines.len()).unwrap_or(u16::MAX);
        f32::from(lines) * style.leading
    }

    /// Writes a text down from the present position, over pages if need be. What is given back must be pushed.
    pub fn write(&mut self, text: &str, style: Style, x: f32, width: f32) -> Vec<Part> {
        let text::Lines { lines, altered } = text::lines(text, style, width);
        self.altered |= altered;
        let place = |line: Line| {
            if self.y + style.leading > BOTTOM {
                self.page_after(self.page);
            }
            // The letters stand in the middle of their line.
            let baseline = self.y + (style.leading + style.size * 0.7) / 2.0;
            self.y += style.leading;
            let marks = &mut self.pages[self.page];
            marks.push(Mark::Text { x, baseline, style, line });
            Part::Placed { page: self.page, mark: marks.len() - 1 }
        };
        lines.into_iter().filter(|line| !line.runs.is_empty()).map(place).collect()
    }

    fn page_after(&mut self, page: usize) {
        self.page = page + 1;
        self.y = TOP;
        if self.pages.len() == self.page {
            self.pages.push(Vec::new());
        }
    }

    /// Draws the pages and writes the file.
    pub fn finish(self, about: About) -> Result<Vec<u8>, DocumentError> {
        let configuration = ConfigurationBuilder::new()
            .with_archival_validator(Archival::A2_A)
            .with_accessibility_validator(Accessibility::UA1)
            .finish()
            .map_err(|_| DocumentError("PDF/A-2a and PDF/UA-1 do not go together".into()))?;
        let settings = SerializeSettings { configuration, enable_tagging: true, ..SerializeSettings::default() };
        let mut document = Document::new_with(settings);

        let count = self.pages.len();
        let mut identifiers = Vec::with_capacity(count);
        for (index, marks) in self.pages.iter().enumerate() {
            let size = PageSettings::from_wh(WIDTH, HEIGHT).ok_or_else(|| DocumentError("no page size".into()))?;
            let mut page = document.start_page_with(size);
            let mut surface = page.surface();
            identifiers.push(marks.iter().map(|mark| draw(&mut surface, mark)).collect::<Vec<_>>());
            footer(&mut surface, &about, &format!("Pagina {} di {count}", index + 1));
            surface.finish();
            page.finish();
        }

        let mut tree = TagTree::new().with_lang(Some("it".into()));
        self.parts.into_iter().for_each(|part| tree.push(node(part, &identifiers)));
        document.set_tag_tree(tree);
        let mut outline = Outline::new();
        for (title, page, y) in self.chapters {
            outline.push_child(OutlineNode::new(title, XyzDestination::new(page, Point::from_xy(MARGIN, y))));
        }
        document.set_outline(outline);
        document.set_metadata(metadata(about));
        document.finish().map_err(|error| DocumentError(error.to_string()))
    }
}

/// One row of [`Sheet::facts`].
pub struct Fact<'a> {
    pub label: &'a str,
    pub value: &'a str,
    pub kind: FactKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactKind {
    Words,
    /// A number that people copy digit by digit.
    Digits,
    /// The value says that there is none: it looks like a label.
    Untold,
}

/// How [`Sheet::facts`] looks.
#[derive(Clone, Copy)]
pub struct FactLooks {
    pub label: Style,
    pub value: Style,
    pub digits: Style,
    pub line: Colour,
    pub label_width: f32,
    /// Between label and value.
    pub gap: f32,
    /// Above and below a row's text.
    pub padding: f32,
}

fn draw(surface: &mut Surface<'_>, mark: &Mark) -> Identifier {
    match mark {
        Mark::Text { x, baseline, style, line } => {
            let identifier = surface.start_tagged(ContentTag::Span(SpanTag::empty()));
            draw_line(surface, *x, *baseline, *style, line);
            surface.end_tagged();
            identifier
        }
        Mark::Area { area, colour } => {
            let identifier = surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout)));
            surface.set_fill(Some(fill(*colour)));
            let mut path = PathBuilder::new();
            path.push_rect(*area);
            if let Some(path) = path.finish() {
                surface.draw_path(&path);
            }
            surface.end_tagged();
            identifier
        }
    }
}

fn draw_line(surface: &mut Surface<'_>, mut x: f32, baseline: f32, style: Style, line: &Line) {
    surface.set_fill(Some(fill(style.colour)));
    for run in &line.runs {
        surface.draw_glyphs(Point::from_xy(x, baseline), &run.glyphs, run.face.font(), &run.text, style.size, false);
        x += run.width() * style.size;
    }
}

/// One line at the foot: what the document is on the left, which page this is on the right.
fn footer(surface: &mut Surface<'_>, about: &About, number: &str) {
    surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Footer)));
    let style = about.footer_style;
    let right = text::lines(number, style, TEXT_WIDTH).lines.into_iter().next().unwrap_or_default();
    let right_width = right.width() * style.size;
    let left = text::lines(&about.footer, style, TEXT_WIDTH - right_width - style.size).lines;
    let left = left.into_iter().next().unwrap_or_default();
    draw_line(surface, MARGIN, FOOTER, style, &left);
    draw_line(surface, MARGIN + TEXT_WIDTH - right_width, FOOTER, style, &right);
    surface.end_tagged();
}

fn node(part: Part, identifiers: &[Vec<Identifier>]) -> Node {
    match part {
        Part::Placed { page, mark } => identifiers[page][mark].into(),
        Part::Tagged(tag, parts) => {
            let mut group = TagGroup::new(tag);
            parts.into_iter().for_each(|part| group.push(node(part, identifiers)));
            group.into()
        }
    }
}

fn fill(Colour(red, green, blue): Colour) -> Fill {
    Fill { paint: rgb::Color::new(red, green, blue).into(), opacity: NormalizedF32::ONE, rule: FillRule::NonZero }
}

fn metadata(about: About) -> Metadata {
    let at = about.created.to_zoned(TimeZone::UTC).datetime();
    let part = |value: i8| u8::try_from(value).unwrap_or(0);
    let created = DateTime::new(u16::try_from(at.year()).unwrap_or(0))
        .month(part(at.month()))
        .day(part(at.day()))
        .hour(part(at.hour()))
        .minute(part(at.minute()))
        .second(part(at.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0);
    Metadata::new()
        .title(about.title)
        .authors(vec![about.author])
        .creator("Pago In Rete".into())
        .language("it".into())
        .document_id(about.id)
        .creation_date(created)
}

//! Bytes to a tree of elements, for input of strangers: no DTD, no entities but the five, bounds on everything.

use quick_xml::{
    XmlVersion,
    events::{BytesRef, BytesStart, Event},
    reader::Reader,
};

/// A receipt with five stamps in base64 has tens of kB; 1 MiB is generous (pagoPA reference 4.1).
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// The deepest message of the schema has 9 levels.
const MAX_DEPTH: usize = 32;
/// The largest valid receipt has about 450 elements.
const MAX_ELEMENTS: usize = 20_000;
/// Envelopes declare a handful of namespaces.
const MAX_ATTRIBUTES: usize = 64;
/// Longer names are nobody's; a name is kept in reports.
const MAX_NAME: usize = 256;

const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// One element, its own text put together whatever comments or CDATA sections cut it.
#[derive(Debug, Default)]
pub(crate) struct Element {
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    /// Has attributes that say something; namespace declarations and `xsi:schemaLocation` say nothing.
    pub(crate) attributed: bool,
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

impl Element {
    /// The first child of that name, in whatever namespace.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    pub(crate) fn children<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first child of that name.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }

    pub(crate) fn is(&self, namespace: &str, name: &str) -> bool {
        self.name == name && self.namespace.as_deref() == Some(namespace)
    }
}

/// Why bytes are no XML that we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("longer than a message may be")]
    TooLarge,
    #[error("not UTF-8")]
    NotUtf8,
    #[error("has a document type")]
    DocumentType,
    #[error("too deep, or too many elements or attributes")]
    Bounds,
    #[error("not well-formed")]
    NotWellFormed,
}

/// Reads one document.
pub(crate) fn read(bytes: &[u8]) -> Result<Element, Malformed> {
    if bytes.len() > MAX_BYTES {
        return Err(Malformed::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed::NotUtf8)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match text.chars().all(super::legal) {
        true => Builder::new(text).document(),
        false => Err(Malformed::NotWellFormed),
    }
}

struct Builder<'a> {
    text: &'a str,
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
    /// Prefix and namespace, the innermost last; `None` undeclares the default namespace.
    bindings: Vec<(String, Option<String>)>,
    /// How many bindings were there before each open element.
    scopes: Vec<usize>,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str) -> Self {
        let bindings = vec![("xml".to_owned(), Some(XML.to_owned()))];
        Self { text, open: Vec::new(), root: None, elements: 0, bindings, scopes: Vec::new() }
    }

    fn document(mut self) -> Result<Element, Malformed> {
        let mut reader = Reader::from_str(self.text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_comments = true;
        let mut first = true;
        loop {
            match reader.read_event().map_err(|_| Malformed::NotWellFormed)? {
                Event::Decl(declaration) => {
                    let encoding = declaration.encoding().transpose().map_err(|_| Malformed::NotWellFormed)?;
                    if !first {
                        return Err(Malformed::NotWellFormed);
                    }
                    // Another name may stand over plain ASCII, which is the same in all of them.
                    let utf8 = encoding.is_none_or(|name| name.eq_ignore_ascii_case("utf-8"));
                    if !utf8 && !self.text.is_ascii() {
                        return Err(Malformed::NotUtf8);
                    }
                }
                Event::DocType(_) => return Err(Malformed::DocumentType),
                Event::Start(tag) => self.open(&tag)?,
                Event::End(_) => self.close()?,
                Event::Empty(_) => return Err(Malformed::NotWellFormed), // never: they are expanded
                Event::Text(text) => {
                    if text.contains("]]>") {
                        return Err(Malformed::NotWellFormed);
                    }
                    self.append(&text.xml10_content())?;
                }
                Event::CData(text) => match self.open.is_empty() {
                    true => return Err(Malformed::NotWellFormed),
                    false => self.append(&text.xml10_content())?,
                },
                Event::GeneralRef(reference) => {
                    let character = character(&reference).ok_or(Malformed::NotWellFormed)?;
                    match self.open.last_mut() {
                        Some(element) => element.text.push(character),
                        None => return Err(Malformed::NotWellFormed),
                    }
                }
                Event::Comment(_) => {}
                Event::PI(instruction) => {
                    if instruction.target().eq_ignore_ascii_case("xml") {
                        return Err(Malformed::NotWellFormed);
                    }
                }
                Event::Eof => break,
            }
            first = false;
        }
        match self.open.is_empty() {
            true => self.root.ok_or(Malformed::NotWellFormed),
            false => Err(Malformed::NotWellFormed),
        }
    }

    fn open(&mut self, tag: &BytesStart<'_>) -> Result<(), Malformed> {
        self.elements += 1;
        if self.elements > MAX_ELEMENTS || self.open.len() >= MAX_DEPTH {
            return Err(Malformed::Bounds);
        }
        if self.open.is_empty() && self.root.is_some() {
            return Err(Malformed::NotWellFormed); // a second root
        }
        self.scopes.push(self.bindings.len());
        let others = self.declare(tag)?;
        let name = tag.name();
        let (prefix, local) = split(name.0)?;
        let namespace = self.resolve(prefix.unwrap_or(""))?;
        let mut attributed = false;
        for attribute in others {
            let (prefix, local) = split(&attribute)?;
            let namespace = prefix.map(|prefix| self.resolve(prefix)).transpose()?.flatten();
            let says_nothing =
                namespace.as_deref() == Some(XSI) && matches!(local, "schemaLocation" | "noNamespaceSchemaLocation");
            attributed |= !says_nothing;
        }
        self.open.push(Element { namespace, name: local.to_owned(), attributed, ..Element::default() });
        Ok(())
    }

    /// Takes in the tag's namespace declarations, and returns the names of its other attributes.
    fn declare(&mut self, tag: &BytesStart<'_>) -> Result<Vec<String>, Malformed> {
        let mut others = Vec::new();
        for (count, attribute) in tag.attributes().enumerate() {
            let attribute = attribute.map_err(|_| Malformed::NotWellFormed)?;
            if count >= MAX_ATTRIBUTES {
                return Err(Malformed::Bounds);
            }
            let legal_value = !attribute.value.contains('<');
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| Malformed::NotWellFormed)?;
            if !legal_value || !value.chars().all(super::legal) {
                return Err(Malformed::NotWellFormed);
            }
            let binding = match split(attribute.key.0)? {
                (None, "xmlns") => "",
                (Some("xmlns"), prefix) => prefix,
                _ => {
                    others.push(attribute.key.0.to_owned());
                    continue;
                }
            };
            let reserved = binding == "xmlns" || value == XMLNS || (binding == "xml") != (value == XML);
            if reserved || (!binding.is_empty() && value.is_empty()) {
                return Err(Malformed::NotWellFormed);
            }
            let namespace = (!value.is_empty()).then(|| value.into_owned());
            self.bindings.push((binding.to_owned(), namespace));
        }
        Ok(others)
    }

    fn resolve(&self, prefix: &str) -> Result<Option<String>, Malformed> {
        match self.bindings.iter().rev().find(|(bound, _)| bound == prefix) {
            Some((_, namespace)) => Ok(namespace.clone()),
            None if prefix.is_empty() => Ok(None),
            None => Err(Malformed::NotWellFormed),
        }
    }

    fn close(&mut self) -> Result<(), Malformed> {
        let element = self.open.pop().ok_or(Malformed::NotWellFormed)?;
        self.bindings.truncate(self.scopes.pop().unwrap_or(1));
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn append(&mut self, text: &str) -> Result<(), Malformed> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if crate::simple::collapse(text).is_empty() => {}
            None => return Err(Malformed::NotWellFormed),
        }
        Ok(())
    }
}

/// `p:name` or `name`; letters as XML wants them, as far as any sender's name could matter.
fn split(name: &str) -> Result<(Option<&str>, &str), Malformed> {
    let word = |part: &str| {
        let start = |c: char| c.is_alphabetic() || c == '_';
        let rest = |c: char| start(c) || c.is_numeric() || matches!(c, '-' | '.' | '·' | '\u{300}'..='\u{36f}');
        part.len() <= MAX_NAME && part.chars().next().is_some_and(start) && part.chars().all(rest)
    };
    let (prefix, local) = match name.split_once(':') {
        Some((prefix, local)) => (Some(prefix), local),
        None => (None, name),
    };
    match prefix.is_none_or(word) && word(local) {
        true => Ok((prefix, local)),
        false => Err(Malformed::NotWellFormed),
    }
}

/// The five predefined entities and character references; anything else would need a DTD.
fn character(reference: &BytesRef<'_>) -> Option<char> {
    match reference.as_ref() {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => reference.resolve_char_ref().ok().flatten().filter(|c| super::legal(*c)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text_of(document: &str) -> Result<String, Malformed> {
        read(document.as_bytes()).map(|root| root.text)
    }

    #[test]
    fn text_is_put_together() {
        let cases = [
            ("<a>x</a>", "x"),
            ("\u{feff}<?xml version='1.0' encoding='utf-8'?>\n<!-- c --><a>x</a>\n", "x"),
            ("<a>x<!-- c -->y<![CDATA[<&]]>&lt;&#x41;&#66;&apos;</a>", "xy<&<AB'"),
            ("<a>1\r\n2\r3&#13;</a>", "1\n2\n3\r"),
            ("<a/>", ""),
            ("<?xml version='1.0' encoding='ISO-8859-1'?><a>plain</a>", "plain"),
        ];
        for (document, expected) in cases {
            assert_eq!(text_of(document).as_deref(), Ok(expected), "{document}");
        }
    }

    #[test]
    fn hostile_or_broken_documents_are_refused() {
        use Malformed::*;
        let deep = format!("{}{}", "<a>".repeat(33), "</a>".repeat(33));
        let wide = format!("<a>{}</a>", "<b/>".repeat(20_000));
        let attributes: String = (0..65).map(|i| format!(" a{i}=''")).collect();
        let attributes = format!("<a{attributes}/>");
        let cases = [
            ("", NotWellFormed),
            ("garbage", NotWellFormed),
            ("<a>", NotWellFormed),
            ("<a></b>", NotWellFormed),
            ("<a/><b/>", NotWellFormed),
            ("<a/>x", NotWellFormed),
            ("x<a/>", NotWellFormed),
            ("<a/>&#32;", NotWellFormed),
            ("<a><![CDATA[x</a>", NotWellFormed),
            ("<!DOCTYPE a><a/>", DocumentType),
            ("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", DocumentType),
            ("<a>&x;</a>", NotWellFormed),
            ("<a>&nbsp;</a>", NotWellFormed),
            ("<a>&#0;</a>", NotWellFormed),
            ("<a>&#1;</a>", NotWellFormed),
            ("<a>&#xD800;</a>", NotWellFormed),
            ("<a>&</a>", NotWellFormed),
            ("<a>\u{1}</a>", NotWellFormed),
            ("<a>\u{fffe}</a>", NotWellFormed),
            ("<a>]]></a>", NotWellFormed),
            ("<a><!-- -- --></a>", NotWellFormed),
            ("<p:a/>", NotWellFormed),
            ("<a p:b='1'/>", NotWellFormed),
            ("<a b='1' b='2'/>", NotWellFormed),
            ("<a b=1/>", NotWellFormed),
            ("<a b='<'/>", NotWellFormed),
            ("<a b='&x;'/>", NotWellFormed),
            ("<1a/>", NotWellFormed),
            ("<a:b:c xmlns:a='u'/>", NotWellFormed),
            ("<a xmlns:p=''/>", NotWellFormed),
            ("<a xmlns:xmlns='u'/>", NotWellFormed),
            ("<a><?xml version='1.0'?></a>", NotWellFormed),
            (" <?xml version='1.0'?><a/>", NotWellFormed),
            ("<?xml version='1.0' encoding='ISO-8859-1'?><a>è</a>", NotUtf8),
            (&deep, Bounds),
            (&wide, Bounds),
            (&attributes, Bounds),
        ];
        for (document, expected) in cases {
            assert_eq!(text_of(document), Err(expected), "{document:.60}");
        }
        assert_eq!(read(b"<a>\xe8</a>").err(), Some(NotUtf8));
        assert_eq!(read(&vec![b' '; MAX_BYTES + 1]).err(), Some(TooLarge));
        let utf16: Vec<u8> = "\u{feff}<a/>".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(read(&utf16).err(), Some(NotUtf8));
    }

    #[test]
    fn names_are_resolved_by_their_scope() {
        let root =
            read(b"<p:a xmlns:p='u' xmlns='d'><b/><c xmlns=''><d/></c><p:e xmlns:p='v' xmlns:q='w' q:f='1'/></p:a>");
        let root = root.unwrap();
        assert!(root.is("u", "a") && root.children[0].is("d", "b"));
        assert_eq!(root.children[1].namespace, None);
        assert_eq!(root.children[1].children[0].namespace, None);
        assert!(root.children[2].is("v", "e") && root.children[2].attributed && !root.attributed);
        let located = format!("<a xmlns:i='{XSI}' i:schemaLocation='u u.xsd'/>");
        assert!(!read(located.as_bytes()).unwrap().attributed);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }

        #[test]
        fn no_markup_panics(pieces in prop::collection::vec(prop::sample::select(vec!["<a", ">", "</a>", " b='", "'", "&amp;",
            "&#", ";", "<![CDATA[", "]]>", "<!--", "-->", "<?", "?>", "xmlns:p='u'", "<p:", "/>", "<!DOCTYPE", "è", " "]), 0..30)) {
            let _ = read(pieces.concat().as_bytes());
        }
    }
}

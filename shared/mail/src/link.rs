//! Addresses of our own pages: a mail can hold no other.

use std::{fmt, fmt::Write, str::FromStr};

/// Where the service is reached: scheme, host and port, as `https://pagoinrete.example`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

/// The configured text is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OriginError;

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an origin: http or https, a host, perhaps a port, and no path")
    }
}

impl std::error::Error for OriginError {}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or(OriginError)?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
        match !host.is_empty() && host.len() <= 255 && host.bytes().all(allowed) {
            true => Ok(Self(text.to_owned())),
            false => Err(OriginError),
        }
    }
}

impl Origin {
    /// A page of ours. What cannot stand in a path or a query is percent-encoded.
    pub fn link(&self, path: &str, query: &[(&str, &str)]) -> Link {
        let mut link = format!("{}/", self.0);
        encode(&mut link, path.trim_start_matches('/'), b"-._~/");
        for (index, (name, value)) in query.iter().enumerate() {
            link.push(if index == 0 { '?' } else { '&' });
            encode(&mut link, name, b"-._~");
            link.push('=');
            encode(&mut link, value, b"-._~");
        }
        Link(link)
    }
}

fn encode(out: &mut String, text: &str, kept: &[u8]) {
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            true => out.push(char::from(byte)),
            false => {
                let _ = write!(out, "%{byte:02X}"); // a String takes all
            }
        }
    }
}

/// The address of a page of ours. It may hold a one-time secret, so it is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Link(String);

impl Link {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins() {
        for good in ["https://pagoinrete.example", "http://pagoinrete.localhost:4566"] {
            assert!(good.parse::<Origin>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "pagoinrete.example",
            "ftp://x.example",
            "https://",
            "https://x.example/",
            "https://a b",
            "https://x\r\n",
            "https://u@x.example",
            "javascript://x",
        ] {
            assert_eq!(bad.parse::<Origin>(), Err(OriginError), "{bad:?}");
        }
    }

    #[test]
    fn a_path_cannot_lead_elsewhere() {
        let origin: Origin = "https://pagoinrete.example".parse().unwrap();
        let cases = [
            ("/login", "https://pagoinrete.example/login"),
            ("//evil.example/x", "https://pagoinrete.example/evil.example/x"),
            ("@evil.example", "https://pagoinrete.example/%40evil.example"),
            ("a\r\nb\"<>", "https://pagoinrete.example/a%0D%0Ab%22%3C%3E"),
        ];
        for (path, expected) in cases {
            assert_eq!(origin.link(path, &[]).as_str(), expected);
        }
        let link = origin.link("/registration/verify", &[("token", "a&b=c d"), ("lang", "it")]);
        assert_eq!(link.as_str(), "https://pagoinrete.example/registration/verify?token=a%26b%3Dc%20d&lang=it");
        assert_eq!(format!("{link:?}"), "Link(..)");
    }
}

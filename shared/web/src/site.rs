//! Where we live decides how cookies are called and what browsers are told.

/// What a cookie's name and attributes depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// Reached over https: cookies are `__Host-…` and `Secure`.
    Secure,
    /// Our own machine over plain http: browsers would refuse `__Host-` there.
    Local,
}

impl Site {
    /// Fails for plain http anywhere but on this machine: no parameter of the cloud can ask for a plain cookie.
    pub fn at(origin: &str) -> Result<Self, String> {
        if origin.strip_prefix("https://").is_some_and(|rest| !rest.is_empty()) {
            return Ok(Self::Secure);
        }
        let authority = origin.strip_prefix("http://").unwrap_or_default();
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => authority,
        };
        let host = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
        let loopback = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        let named = (host == "localhost" || host.ends_with(".localhost"))
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-');
        match loopback || named {
            true => Ok(Self::Local),
            false => Err(format!("ORIGIN must begin with https:// unless it is this machine: {origin}")),
        }
    }

    pub fn is_secure(self) -> bool {
        self == Self::Secure
    }

    /// The name that a cookie has here.
    pub fn cookie_name(self, name: &str) -> String {
        match self {
            Self::Secure => format!("__Host-{name}"),
            Self::Local => name.to_owned(),
        }
    }

    /// A `Set-Cookie` line. `max_age` in seconds; without it the cookie ends with the browser.
    pub fn set_cookie(self, name: &str, value: &str, max_age: Option<i64>) -> String {
        let secure = if self.is_secure() { "; Secure" } else { "" };
        let age = max_age.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}", self.cookie_name(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_gets_plain_cookies() {
        for local in [
            "http://localhost",
            "http://localhost:4566",
            "http://pagoinrete.localhost:4566",
            "http://a.b.localhost",
            "http://127.0.0.1:4566",
            "http://127.9.9.9",
            "http://[::1]:4566",
        ] {
            assert_eq!(Site::at(local), Ok(Site::Local), "{local}");
        }
        for cloud in [
            "http://pagoinrete.example",
            "http://localhost.example.com",
            "http://notlocalhost",
            "http://localhost@evil.example",
            "http://127.0.0.1.nip.io",
            "http://10.0.0.1",
            "http://[2001:db8::1]",
            "http://abc.execute-api.eu-south-1.amazonaws.com",
            "http://evil.example/.localhost",
            "http://evil.example#.localhost",
            "http://evil.example?.localhost",
            "http://localhost:80@evil.example",
            "http://evil.example:80/x.localhost",
            "ftp://localhost",
            "localhost",
            "",
            "http://",
            "https://",
            "HTTP://pagoinrete.example",
        ] {
            assert!(Site::at(cloud).is_err(), "{cloud}");
        }
        for secure in [
            "https://pagoinrete.example",
            "https://localhost",
            "https://pagoinrete.localhost:4566",
            "https://127.0.0.1",
        ] {
            let site = Site::at(secure).unwrap();
            assert_eq!(site.cookie_name("session"), "__Host-session", "{secure}");
            let cookie = site.set_cookie("session", "x", Some(60));
            assert_eq!(cookie, "__Host-session=x; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=60");
            assert!(!cookie.contains("Domain"));
        }
        assert_eq!(Site::Local.set_cookie("session", "x", None), "session=x; Path=/; HttpOnly; SameSite=Lax");
    }
}

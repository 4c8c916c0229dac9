//! Where somebody goes on from what did not happen: buttons on the page, `links` in the problem.

use serde::Serialize;

/// A page of ours and what its button says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Way {
    pub href: &'static str,
    #[serde(skip)]
    pub words: (&'static str, &'static str),
}

const SIGN_IN: Way = Way { href: "/login", words: ("Accedi", "Sign in") };
const USERNAME: Way = Way { href: "/username/forgot", words: ("Recupera il nome utente", "Recover the username") };
const PASSWORD: Way = Way { href: "/password/forgot", words: ("Recupera la password", "Recover the password") };

/// By the problem's code, the likeliest first.
pub fn ways(code: &str) -> &'static [Way] {
    match code {
        "already-registered" => &[SIGN_IN, USERNAME, PASSWORD],
        "used-link" => &[SIGN_IN],
        _ => &[],
    }
}

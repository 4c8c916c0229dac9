use domain::FieldError;
use serde::Serialize;

use crate::Frame;

/// A page's data: the JSON answer is this type itself, the page its template. See [`crate::view!`].
pub trait View: Serialize {
    /// The page. `errors` is empty unless a form was refused.
    fn render(&self, frame: &Frame<'_>, errors: &[FieldError]) -> Result<String, askama::Error>;
}

/// What a step came to: facts, shown as a page or as JSON by [`Frame::show`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<T> {
    /// 200.
    Shown(T),
    /// 201 and `Location`; a page goes there (303), so that a reload repeats nothing.
    Created { at: String, what: T },
    /// 202 and `Location`; a page goes there (303).
    Accepted { at: String, what: T },
    /// 303 for pages, 200 with `{"location": …}` for programs.
    Moved { at: String },
    /// 422: the same form with what was typed and each field's error; for programs a problem with `errors[]`.
    Refused { errors: Vec<FieldError>, form: T },
    /// 409: the page as it stands now, with the reason on top; for programs a problem.
    Conflict { code: &'static str, it: String, en: String, what: T },
    /// 503: another's service does not answer. The page as it stands, with the reason on top; for programs a problem.
    Unavailable { code: &'static str, it: String, en: String, what: T },
}

/// Ties a type to its template: `web::view!(CartPage, "cart.html");`. The template sees `f` (the frame), `v` (the
/// data) and `errors`.
#[macro_export]
macro_rules! view {
    ($view:ty, $path:tt) => {
        impl $crate::View for $view {
            fn render(
                &self,
                frame: &$crate::Frame<'_>,
                errors: &[$crate::FieldError],
            ) -> ::std::result::Result<String, $crate::askama::Error> {
                #[derive($crate::askama::Template)]
                #[template(path = $path, askama = $crate::askama)]
                struct Page<'a> {
                    f: &'a $crate::Frame<'a>,
                    errors: &'a [$crate::FieldError],
                    #[allow(dead_code)]
                    v: &'a $view,
                }
                $crate::askama::Template::render(&Page { f: frame, errors, v: self })
            }
        }
    };
}
